"""The admin page and its JSON API: small handlers over the service, rendered on the server."""

from tickstock.extras import require

require("starlette", "uvicorn", "jinja2", "python_multipart", "prometheus_client", "argon2")
