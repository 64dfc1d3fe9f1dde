"""Berth as people meet it: a browser, the real login, the real cluster."""
