"""A REST backend that flarchitect makes of two models, kept in memory: GET, POST /api/rows · GET, PATCH, DELETE
/api/rows/<id>, and the same of /api/visits, whose column `page_count` has the name of a parameter in it.

Prints `{"port": P}` when it listens; it is killed when no longer needed, and by its own alarm after --timeout seconds.
"""

import argparse
import json
import logging
import signal

from flarchitect import Architect
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.serving import make_server

parser = argparse.ArgumentParser(description="a REST backend that flarchitect makes")
parser.add_argument("--port", type=int, default=0, help="0: a free one")
parser.add_argument("--timeout", type=int, default=300, help="seconds until it ends by itself")
options = parser.parse_args()
signal.alarm(options.timeout)


class Base(DeclarativeBase):
    def get_session(*_):
        return database.session


database = SQLAlchemy(model_class=Base)


class Row(database.Model):
    __tablename__ = "row"

    class Meta:
        tag = tag_group = "rows"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    age: Mapped[int | None]
    score: Mapped[float | None]
    active: Mapped[bool | None]


class Visit(database.Model):
    __tablename__ = "visit"

    class Meta:
        tag = tag_group = "visits"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    page_count: Mapped[int | None]


app = Flask(__name__)
app.config.update(
    SQLALCHEMY_DATABASE_URI="sqlite://",
    API_BASE_MODEL=database.Model,
    API_CREATE_DOCS=False,
    API_PREFIX="/api",
    API_TITLE="rows",
    API_VERSION="1",
)
database.init_app(app)
with app.app_context():
    database.create_all()
    Architect(app)

logging.disable(logging.CRITICAL)  # no line for each request, no trace for each refusal
server = make_server("127.0.0.1", options.port, app)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
