"""`tickstock serve`: the page, with a worker and (where Redis is set) the bridge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.output import Common, talk
from tickstock.cli.session import open_tick
from tickstock.errors import BadSetting, CredentialsRefused

if TYPE_CHECKING:
    from tickstock.service import TickStock
    from tickstock.service.access import Access
    from tickstock.web.server import Served, Serving

PORT = 8177


def serve(
    *,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port to listen on; 0 takes a free one.")] = PORT,
    worker: Annotated[
        bool, Parameter(negative="--no-worker", help="Also drain jobs in this process.")
    ] = True,
    public_url: Annotated[
        str | None,
        Parameter(help="How browsers elsewhere reach it: https://NAME, by TLS here or a proxy."),
    ] = None,
    certificate: Annotated[Path | None, Parameter(help="TLS certificate with its chain.")] = None,
    key: Annotated[Path | None, Parameter(help="Key of the certificate.")] = None,
    common: Common = Common(),
) -> int:
    """Serve the admin page, with a worker.

    Until told to stop (Ctrl-C or SIGTERM). Prints an address that signs in once. Others can
    only reach the page with --public-url, and sign in as users: `tickstock user add NAME`.
    """
    import asyncio

    from tickstock.service.access import Access
    from tickstock.web.server import Serving, Tls, listen
    from tickstock.web.site import make_site

    if (certificate is None) != (key is None):
        raise BadSetting("--certificate and --key belong together.", "Give both or none.")
    tls = Tls(certificate, key) if certificate and key else None
    with open_tick(common) as tick:
        access = Access(tick.database)
        site = make_site(host, port, public_url, tls=tls is not None, users=access.has_users())
        with listen(host, port) as listener:
            bound = listener.getsockname()[1]
            if bound != port:
                site = make_site(host, bound, public_url, tls=tls is not None, users=True)
            parts = tuple(_parts(tick, worker=worker))

            async def run() -> None:
                from tickstock.worker.run import stop_on_signals

                serving = Serving(tick, access, site, listener, parts, tls)
                stop_on_signals(serving.stop)
                announcing = asyncio.create_task(
                    _announce(serving, access, min(site.origins)), name="page: its address"
                )
                await serving.run()
                announcing.cancel()

            asyncio.run(run())
    talk("Stopped.")
    return 0


async def _announce(serving: Serving, access: Access, origin: str) -> None:
    """One address on stdout, once it answers."""
    import asyncio

    await serving.started.wait()
    if serving.site.links:
        token = await asyncio.to_thread(access.make_link)
        print(f"{origin}/sign-in/link/{token}", flush=True)
        talk("This address signs in once, within 15 minutes. Ctrl-C ends the page.")
    else:
        print(origin, flush=True)


def _parts(tick: TickStock, *, worker: bool) -> list[Callable[[], Served]]:
    parts: list[Callable[[], Served]] = []
    if worker:
        from tickstock.worker.run import Worker, configured_source

        try:
            configured_source(tick, ())
        except CredentialsRefused as e:
            # Everything but loading works without a key.
            talk(f"No worker runs: {e}")
        else:
            parts.append(lambda: Worker(tick))
    if tick.settings.redis_url is not None:
        from tickstock.bridge import Bridge, open_redis

        redis = open_redis(tick.settings.redis_url.get_secret_value())
        parts.append(lambda: Bridge(tick, redis))
    return parts
