"""The admin page and its JSON API: small handlers over the service, rendered on the server."""
