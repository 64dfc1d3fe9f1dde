"""The OpenID Connect provider of the demonstration and the tests: CILogon's claims, no passwords.

`python -m localcluster.identity_provider --directory D` serves it, on https (the issuer) and on plain
http (only so that browsers show its login page without a warning).
"""

import warnings

from authlib.deprecate import AuthlibDeprecationWarning

# oidc-provider-mock uses parts of Authlib that are to go one day; nothing we could change.
warnings.simplefilter("ignore", AuthlibDeprecationWarning)
