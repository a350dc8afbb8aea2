"""A REST backend with users and permissions: Django REST framework, with logins by simplejwt (the project `notes`).

POST /api/token/   {"username", "password"}: {"access", "refresh"}, JWTs whose `user_id` is the user
GET, POST /api/notes/ · GET, PUT, PATCH, DELETE /api/notes/<id>/   only with a token, and only what its user may see
GET, POST /api/rows/ · … /api/rows/<id>/      for everybody, with the filters of django-filter
GET /<file>        a file of --pages

    drf_backend.py --database FILE --secret SECRET [--pages FOLDER] [--user NAME]…

A user's password is its name and `-password`. Prints `{"port": P}` when it listens; it is killed when no longer needed,
and by its own alarm after --timeout seconds.
"""

import argparse
import json
import logging
import signal

import django
from django.conf import settings
from werkzeug.serving import make_server

parser = argparse.ArgumentParser(description="a REST backend with users and permissions")
parser.add_argument("--port", type=int, default=0, help="0: a free one")
parser.add_argument("--database", required=True, help="an SQLite file, made anew")
parser.add_argument("--secret", required=True, help="what tokens are signed with")
parser.add_argument("--pages", default="/nonexistent", help="a folder of static files")
parser.add_argument("--user", action="append", default=[], help="a user that exists")
parser.add_argument("--timeout", type=int, default=300, help="seconds until it ends by itself")
options = parser.parse_args()
signal.alarm(options.timeout)

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": options.database,
            "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_filters", "rest_framework", "notes"],
    # Tables as the models say: replaying the migrations would take a second.
    MIGRATION_MODULES={"auth": None, "contenttypes": None},
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    PAGES=options.pages,
    # Real ones are slow on purpose.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
        "PAGE_SIZE": 100,
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    ROOT_URLCONF="notes.urls",
    SECRET_KEY=options.secret,
    USE_TZ=True,
)
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 (needs the settings)
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

call_command("migrate", run_syncdb=True, verbosity=0)
for name in options.user:
    get_user_model().objects.create_user(name, password=f"{name}-password")

logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
logging.getLogger("django.request").setLevel(logging.ERROR)  # nor for each refusal
server = make_server("127.0.0.1", options.port, get_wsgi_application(), threaded=True)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
