"""The only place that connects, commits and sets actor and purpose."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, overload

import psycopg
from psycopg import errors as pg
from psycopg import sql as _sql
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool, PoolTimeout

from kit.errors import Conflict, Invalid, Unavailable

T = TypeVar("T")
Params = Sequence[object] | dict[str, object]
LOCK_TIMEOUT = "5s"
#: sessions of one process at most
POOL = 8


class Tx:
    """One open transaction: what runs in it is there altogether or not at all."""

    def __init__(self, connection: psycopg.Connection[Any], actor: str, purpose: str | None, request: str | None) -> None:
        self._connection = connection
        self.actor = actor
        self.purpose = purpose
        self.request = request

    @overload
    def rows(self, sql: str, params: Params = ()) -> list[dict[str, Any]]: ...
    @overload
    def rows(self, sql: str, params: Params = (), *, into: type[T]) -> list[T]: ...
    def rows(self, sql: str, params: Params = (), *, into: Any = dict) -> list[Any]:
        """All rows, as dictionaries or as instances of the dataclass `into`."""
        factory: Any = dict_row if into is dict else class_row(into)
        with self._connection.cursor(row_factory=factory) as cursor:
            return list(cursor.execute(sql, params or None).fetchall())

    @overload
    def row(self, sql: str, params: Params = ()) -> dict[str, Any] | None: ...
    @overload
    def row(self, sql: str, params: Params = (), *, into: type[T]) -> T | None: ...
    def row(self, sql: str, params: Params = (), *, into: Any = dict) -> Any:
        """The first row, or None."""
        found = self.rows(sql, params, into=into)
        return found[0] if found else None

    def value(self, sql: str, params: Params = ()) -> Any:
        """The first column of the first row, or None."""
        with self._connection.cursor() as cursor:
            found = cursor.execute(sql, params or None).fetchone()
            return found[0] if found else None

    def execute(self, sql: str, params: Params = ()) -> int:
        """Run one statement (several when there are no parameters); number of rows it touched."""
        return self._connection.execute(sql, params or None).rowcount

    def copy_in(self, target: str, rows: Iterable[Sequence[object]]) -> int:
        """COPY rows into `target`, written as `schema.table (a, b)`; number of rows."""
        count = 0
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
                count += 1
        return count

    def copy_text(self, target: str, lines: bytes) -> None:
        """COPY lines that are in the text format of COPY already: for rows by the million."""
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
            copy.write(lines)

    def stream(self, sql: str, params: Params = ()) -> Iterator[tuple[str | None, ...]]:
        """Rows one by one, each value as its text. The server goes on while a row is worked on, and does nothing else."""
        with self._connection.cursor() as cursor, cursor.copy(f"COPY ({sql}) TO STDOUT", params or None) as copy:
            yield from copy.rows()


def json(value: object) -> Jsonb:
    """A value for a jsonb column."""
    return Jsonb(value)


def identifier(*names: str) -> str:
    """A quoted SQL name: `identifier('schema', 'table')`."""
    return _sql.Identifier(*names).as_string(None)


def literal(value: object) -> str:
    """A quoted SQL literal, for statements that take no parameters."""
    return _sql.Literal(value).as_string(None)


#: what a caller can bring about by a value alone
_UNSTORABLE = (pg.NumericValueOutOfRange, pg.UntranslatableCharacter, pg.CharacterNotInRepertoire, pg.DatetimeFieldOverflow)


@contextmanager
def translated() -> Iterator[None]:
    """Database errors as ours: they name the constraint, never a value."""
    try:
        yield
    except (pg.UniqueViolation, pg.ExclusionViolation, pg.ForeignKeyViolation, pg.CheckViolation) as wrong:
        raise Conflict(f"it breaks the rule {wrong.diag.constraint_name or 'of the database'}") from None
    except (psycopg.DataError, UnicodeEncodeError) as wrong:
        if isinstance(wrong, psycopg.DataError) and wrong.sqlstate is not None and not isinstance(wrong, _UNSTORABLE):
            raise
        raise Invalid("a text or number cannot be stored: a control character, half a pair, or out of range") from None
    except (pg.SerializationFailure, pg.DeadlockDetected):
        raise Conflict("somebody wrote at the same moment: try again") from None
    except (pg.LockNotAvailable, pg.QueryCanceled):
        raise Unavailable("the database is busy with a lock: try again") from None
    except (psycopg.OperationalError, PoolTimeout) as wrong:
        raise Unavailable(f"the database does not answer ({type(wrong).__name__})") from None


#: DISCARD ALL but for DISCARD PLANS; the driver prepares no statements of its own
_RESET = """CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; DEALLOCATE ALL; UNLISTEN *; SELECT pg_advisory_unlock_all();
    DISCARD TEMP; DISCARD SEQUENCES"""
_SET = "SELECT set_config('mcloud.actor',%s,true), set_config('mcloud.purpose',%s,true), set_config('mcloud.request',%s,true)"


class Database:
    """The pool of one process: one tenant, one role."""

    def __init__(self, url: str, *, max_size: int = POOL) -> None:
        self._pool = ConnectionPool(
            url,
            min_size=1,
            max_size=max_size,
            timeout=5,
            open=True,
            kwargs={
                "prepare_threshold": None,
                "options": f"-c lock_timeout={LOCK_TIMEOUT} -c TimeZone=UTC -c search_path=pg_catalog",
            },
            reset=_reset,
        )

    @contextmanager
    def transaction(self, actor: str, *, purpose: str | None = None, request: str | None = None) -> Iterator[Tx]:
        """A transaction under the actor's name; committed at the end of the block, rolled back by any exception."""
        with translated(), self._pool.connection() as connection:
            connection.execute(_SET, (actor, purpose or "", request or ""))
            yield Tx(connection, actor, purpose, request)

    def close(self) -> None:
        self._pool.close()


def _reset(connection: psycopg.Connection[Any]) -> None:
    """Nothing of the last borrower stays: settings, temporary tables, session locks. Plans that functions keep do."""
    connection.autocommit = True
    connection.execute(_RESET)
    connection.autocommit = False


@contextmanager
def connect(url: str, *, autocommit: bool = False, isolation: str | None = None, actor: str = "system") -> Iterator[Tx]:
    """One connection for one piece of work; commits at the end of the block."""
    with translated():
        connection = psycopg.connect(url, autocommit=autocommit, connect_timeout=5)
        if isolation:
            connection.isolation_level = psycopg.IsolationLevel[isolation]
        with connection:
            connection.execute("SELECT set_config('mcloud.actor',%s,false)", (actor,))
            yield Tx(connection, actor, None, None)
