"""Settings of Berth: one file, the environment decides. docs/settings.md describes each variable.

Importing this file needs no environment: the defaults are those of the demonstration on one host. What must not run
in production is refused by system checks (portal/checks.py), not here.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from accounts import issuers
from portal.environment import Environment
from portal.logs import logging_configuration

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

# --- Where this installation is ------------------------------------------------------------------------------------

DEBUG = env.bool("BERTH_DEBUG", default=False)
# Empty is not "here": `make demo-reset` deletes in this directory.
DATA_DIR = Path(env.str("BERTH_DATA_DIR", default="") or BASE_DIR / ".berth")
BASE_URL = env.str("BERTH_BASE_URL", default="http://localhost:8088").rstrip("/")
INSECURE_SECRET_KEY = "insecure-key-for-commands-only"  # noqa: S105  (no process that serves starts with it: portal/start.py)
SECRET_KEY = env.str("BERTH_SECRET_KEY", default=INSECURE_SECRET_KEY)
SECRET_KEY_FALLBACKS = env.list("BERTH_SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("BERTH_ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
TRUSTED_PROXIES = env.int("BERTH_TRUSTED_PROXIES", default=0)
SECURE = BASE_URL.startswith("https://")

# Where the web server listens (gunicorn.conf.py), and which addresses may tell it who the client was.
BIND = env.str("BERTH_BIND", default="127.0.0.1:8088")
WEB_PROCESSES = env.int("BERTH_WEB_PROCESSES", default=1)
WEB_THREADS = env.int("BERTH_WEB_THREADS", default=8)
PROXY_ADDRESSES = env.list("BERTH_PROXY_ADDRESSES", default=["127.0.0.1"])

SITE_NAME = env.str("BERTH_SITE_NAME", default="Berth")
SUPPORT_URL = env.str("BERTH_SUPPORT_URL", default="")
# Where titles of publications are asked for by their DOI, and whom it may write to; empty: nobody is asked.
CROSSREF_URL = env.web_address("BERTH_CROSSREF_URL")
CROSSREF_MAILTO = env.str("BERTH_CROSSREF_MAILTO", default="")
NAMESPACES_PER_ADMIN = env.int("BERTH_NAMESPACES_PER_ADMIN", default=5)
DORMANT_DAYS = env.int("BERTH_DORMANT_DAYS", default=365)
# Whether who has not logged in for so long is suspended, and how long before they are warned.
SUSPEND_DORMANT = env.bool("BERTH_SUSPEND_DORMANT", default=False)
DORMANT_WARNING_DAYS = env.int("BERTH_DORMANT_WARNING_DAYS", default=14)
# After how many days without a login others are asked who takes over from an admin; 0: never.
TAKEOVER_DAYS = env.int("BERTH_TAKEOVER_DAYS", default=180)
RESERVED_NAMESPACES = env.list(
    "BERTH_RESERVED_NAMESPACES",
    default=[
        "default", "kube-*", "openshift-*", "sys*", "istio-system", "cattle-*", "rook-*", "berth-*",
    ],
)  # fmt: skip
CLUSTERS_FILE = env.str("BERTH_CLUSTERS", default="")
# The limits that a new namespace gets, and those an operator can choose.
LIMIT_PROFILES_FILE = env.str("BERTH_LIMIT_PROFILES", default="")
# What becomes of a limit that others change in the cluster.
LIMITS_DRIFT = env.one_of("BERTH_LIMITS_DRIFT", ("restore", "ask"), default="restore")
ISSUERS_FILE = env.str("BERTH_ISSUERS", default="")
ISSUERS, ISSUERS_ERROR = issuers.load_or_explain(ISSUERS_FILE)

# How a worker reaches a cluster: a dotted path, so that the web process never loads the Kubernetes library.
CLUSTER_CONNECT = "clusters.kube.connect"

# --- Applications --------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "portal",
    "namespaces",
    "accounts",
    "clusters",
    "notifications",
    "audit",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.sitemaps",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.mfa",
    "accounts.provider",
    "django_htmx",
    "js_lib_bootstrap5",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "portal.middleware.RequestId",
    "portal.health.Probes",
    "portal.middleware.OneAddress",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.middleware.PrivatePages",
    "accounts.sessions.LastUse",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.terms.TermsFirst",
    "accounts.second_factor.SecondFactorFirst",
    "portal.refused.RecordRefused",
    "accounts.submissions.OncePerForm",  # the last: it runs the view
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
LOADERS = ("filesystem", "app_directories")
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                ("portal.folding.Loader", [f"django.template.loaders.{name}.Loader" for name in LOADERS])
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.site",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- Database, cache, sessions -------------------------------------------------------------------------------------

# All three options together or not at all: without them most concurrent writers of SQLite fail (portal.E010).
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
}
# A web request waits for the database at most this long; workers have more time (BERTH_PROCESS=worker).
POSTGRES_WEB_OPTIONS = (
    "-c statement_timeout=3000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=10000"
)
IS_WORKER = env.str("BERTH_PROCESS", default="web") == "worker"


def _databases() -> dict[str, dict[str, Any]]:
    if "DATABASE_URL" in env:
        default: dict[str, Any] = env.db_url("DATABASE_URL")
    else:  # not by way of an address, where % ? # in the path would mean something
        default = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR / "berth.sqlite3")}
    if not default.get("ENGINE", "").endswith(("sqlite3", "postgresql")):
        raise ImproperlyConfigured("DATABASE_URL must begin with sqlite:/// or postgresql://")
    if default["ENGINE"].endswith("sqlite3"):
        default["OPTIONS"] = SQLITE_OPTIONS
    elif IS_WORKER:
        default |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    else:
        pool = {"min_size": 1, "max_size": WEB_THREADS, "timeout": 5}
        default.setdefault("OPTIONS", {})
        # What is asked with every page, and nothing else, is planned once for a connection (accounts/prepared.py).
        default["OPTIONS"] |= {"pool": pool, "options": POSTGRES_WEB_OPTIONS, "prepare_threshold": 0}
    return {"default": default}


DATABASES = _databases()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# In the database, so that login does not need Redis.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "portal_cache",
        "OPTIONS": {
            "MAX_ENTRIES": 100_000
        },  # limits on guesses are kept there: they must not push each other out
    }
}
SESSION_ENGINE = "accounts.sessions"
SESSION_IDLE = timedelta(hours=env.int("BERTH_SESSION_IDLE_HOURS", default=12))
SESSION_LONGEST = timedelta(days=env.int("BERTH_SESSION_DAYS", default=7))
SESSION_COOKIE_AGE = int(SESSION_LONGEST.total_seconds())  # of the cookie; the row says when the session ends
SESSION_COOKIE_NAME = "__Host-sessionid" if SECURE else "sessionid"
SESSION_COOKIE_SECURE = SECURE
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-csrftoken" if SECURE else "csrftoken"
CSRF_COOKIE_SECURE = SECURE
CSRF_COOKIE_HTTPONLY = True  # forms carry their token; no script reads the cookie
CSRF_TRUSTED_ORIGINS = [BASE_URL]
CSRF_FAILURE_VIEW = "portal.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
FILE_UPLOAD_HANDLERS = ["portal.uploads.InMemory"]

# --- Security headers ----------------------------------------------------------------------------------------------

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31536000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
SECURE_SSL_REDIRECT = False  # the front server redirects; health checks inside the network speak http
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE and TRUSTED_PROXIES else None
X_FRAME_OPTIONS = "DENY"
# SECURE_SSL_REDIRECT: see above; the key: portal.E002.
SILENCED_SYSTEM_CHECKS = ["security.W008", "security.W009"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

# --- Login ---------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_UNIQUE_EMAIL = False  # before the first migrate: an e-mail address identifies nobody
ACCOUNT_LOGIN_METHODS: set[str] = set()  # no local login of any kind
SILENCED_SYSTEM_CHECKS += ["account.W001"]  # ... which allauth takes for a contradiction
ACCOUNT_SIGNUP_FIELDS = ["email"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
SOCIALACCOUNT_ADAPTER = "accounts.adapters.SocialAccountAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_QUERY_EMAIL = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
# The issuers themselves come from ISSUERS through the adapter, so there is no SOCIALACCOUNT_PROVIDERS.
# From one address, behind which there may be a whole institution: so many logins begun, and as many callbacks.
LOGINS_PER_MINUTE = env.int("BERTH_LOGINS_PER_MINUTE", default=300)
LOGIN_DEADLINE_SECONDS = 5.0  # for all calls to the provider that one request makes together
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
# Who must have a second factor before they change anything; whoever has one is asked for it.
SECOND_FACTOR = env.one_of("BERTH_SECOND_FACTOR", ("operators", "admins", "nobody"), default="operators")
# Whether a break-glass operator (`manage.py break_glass`) may log in: on only while one is needed.
BREAK_GLASS = env.bool("BERTH_BREAK_GLASS", default=False)
MFA_ADAPTER = "accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "reauthenticate": "accounts.forms.CodeForm",
    "add_webauthn": "accounts.forms.AddPasskeyForm",
    "reauthenticate_webauthn": "accounts.forms.ShowPasskeyForm",
}
ACCOUNT_RATE_LIMITS = {
    # Of each person's guesses; not of an address, behind which there may be a whole institution.
    "login_failed": "5/5m/key,50/d/key",
    # Audit events of refused forms: of one person, form and thing; of one person.
    "refused_form": "1/h/key,60/h/user",
}
MFA_TOTP_TOLERANCE = 1  # the clocks of phones: one code before and after
MFA_ALLOW_UNVERIFIED_EMAIL = True  # an address identifies nobody, and so guards nothing
MFA_REAUTHENTICATION_REQUIRED = False  # our pages ask for more, and answer in words

# --- Mails ---------------------------------------------------------------------------------------------------------

# Both or neither: without them people are told things in the page only.
_MAIL = env.mail_server("BERTH_MAIL_URL")
MAIL_FROM = env.str("BERTH_MAIL_FROM", default="")
EMAIL_HOST, EMAIL_PORT = _MAIL["EMAIL_HOST"], _MAIL["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL["EMAIL_HOST_USER"], _MAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL["EMAIL_USE_TLS"], _MAIL["EMAIL_USE_SSL"]
EMAIL_TIMEOUT = 10

# --- Workers -------------------------------------------------------------------------------------------------------

BROKER_URL = env.str("BERTH_BROKER_URL", default="redis://127.0.0.1:16379/0")
SWEEP_SECONDS = env.float("BERTH_SWEEP_SECONDS", default=15.0)
COMPARE_SECONDS = 4 * SWEEP_SECONDS  # how often whole clusters are compared with the decisions
# A worker, and beat, touch it while they are alive.
LIVENESS_FILE = env.str("BERTH_LIVENESS_FILE", default="")
LEASE_SECONDS = 60
# How often the mark in each cluster follows the database: what was decided later than that before a crash may come
# back with a backup unseen.
ANCHOR_SECONDS = env.float("BERTH_ANCHOR_SECONDS", default=5.0)

# --- Language, time, static files ----------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
# With one language there is nothing to look up: a page has some two hundred texts, each asked for in every catalog.
USE_I18N = len(LANGUAGES) > 1
USE_TZ = True
TIME_ZONE = env.time_zone("BERTH_TIME_ZONE", default="UTC")
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("BERTH_STATIC_ROOT", default=str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
# The demonstration and the tests serve the files as they lie in the packages; production collects them (Dockerfile).
STATIC_FROM_SOURCE = env.bool("BERTH_STATIC_FROM_SOURCE", default=DEBUG)
WHITENOISE_USE_FINDERS = STATIC_FROM_SOURCE
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = [
    "jpg", "jpeg", "png", "gif", "webp", "zip", "gz", "tgz", "bz2", "xz", "br", "woff", "woff2", "map",
]  # fmt: skip
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if STATIC_FROM_SOURCE
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- Logs ----------------------------------------------------------------------------------------------------------

LOGGING_CONFIG = None
LOG_FORMAT = env.str("BERTH_LOG_FORMAT", default="json")
LOGGING = logging_configuration(LOG_FORMAT)

# --- The demonstration (`make demo`) -------------------------------------------------------------------------------

# Loopback ports. The issuer of the demonstration's identities contains one, so that changing it changes who people are.
DEMO_PORTS = {
    "web": env.int("BERTH_DEMO_PORT", default=8088),
    "redis": env.int("BERTH_DEMO_PORT_REDIS", default=16379),
    "smtp": env.int("BERTH_DEMO_PORT_SMTP", default=18025),
    "oidc_https": env.int("BERTH_DEMO_PORT_OIDC_HTTPS", default=18443),
    "oidc_http": env.int("BERTH_DEMO_PORT_OIDC_HTTP", default=18080),
    "api_server": env.int("BERTH_DEMO_PORT_API_SERVER", default=16443),
    "etcd": env.int("BERTH_DEMO_PORT_ETCD", default=12379),
    "etcd_peer": env.int("BERTH_DEMO_PORT_ETCD_PEER", default=12380),
}
