"""The OpenID Connect provider of the login: django-allauth's, with the checks that it leaves out.

It takes the place of `allauth.socialaccount.providers.openid_connect` in INSTALLED_APPS and keeps its URL
names. Every check happens before allauth looks an account up, so that a refused login writes nothing but its
audit event.
"""
