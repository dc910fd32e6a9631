"""Found a database with its roles, walled off from every other (docs/decisions/0001-database-per-tenant.md)."""

from collections.abc import Mapping

from kit.db import Tx, connect, identifier, literal


def ensure_database(admin_url: str, name: str, passwords: Mapping[str, str], *, connections: int = -1) -> None:
    """Database `name`, owned by `<name>_owner`, with a login role `<name>_<key>` for each password given.

    Every role is a member of the role `name`, which has no rights of its own: `pg_hba.conf` lets a role only into the database
    of a role it is a member of. No more than `connections` sessions at a time (-1: as many as the server has), so that no
    tenant takes the others' places; the server's superuser is not counted.
    """
    with connect(admin_url, autocommit=True) as tx:
        tx.execute("SELECT pg_advisory_lock(hashtext('found a database'))")
        for shared in ("postgres", "template1"):
            tx.execute(f"REVOKE ALL ON DATABASE {shared} FROM PUBLIC")
        _ensure_role(tx, name, None)
        for what, password in passwords.items():
            _ensure_role(tx, f"{name}_{what}", password)
            tx.execute(f"GRANT {identifier(name)} TO {identifier(f'{name}_{what}')}")
        if not tx.value("SELECT 1 FROM pg_database WHERE datname = %s", (name,)):
            tx.execute(f"CREATE DATABASE {identifier(name)} OWNER {identifier(f'{name}_owner')}")
        tx.execute(f"ALTER DATABASE {identifier(name)} CONNECTION LIMIT {connections}")
        tx.execute(f"REVOKE ALL ON DATABASE {identifier(name)} FROM PUBLIC")
        for what in passwords:
            tx.execute(f"GRANT CONNECT ON DATABASE {identifier(name)} TO {identifier(f'{name}_{what}')}")


#: every role a tenant may have; a restored database names them in its grants
ROLES = ("owner", "mynumber", "lgwan", "internet", "backup", "bulk")


def ensure_roles(tx: Tx, name: str) -> None:
    """The tenant's roles, without the right to log in, on a server where only its copies are restored."""
    tx.execute("SELECT pg_advisory_lock(hashtext('found a database'))")
    for each in (name, *(f"{name}_{what}" for what in ROLES)):
        if not tx.value("SELECT 1 FROM pg_roles WHERE rolname = %s", (each,)):
            _ensure_role(tx, each, None)
    tx.execute("SELECT pg_advisory_unlock(hashtext('found a database'))")


def _ensure_role(tx: Tx, name: str, password: str | None) -> None:
    login = f"LOGIN PASSWORD {literal(password)}" if password else "NOLOGIN"
    verb = "ALTER" if tx.value("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)) else "CREATE"
    tx.execute(f"{verb} ROLE {identifier(name)} {login} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS")


def close_public_schema(owner_url: str) -> None:
    """Take from PUBLIC what a new database gives it: nobody may look for, or put, anything in schema public."""
    with connect(owner_url) as tx:
        tx.execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")


def let_read(owner_url: str, schema: str, role: str) -> None:
    """Let the role read every table of the schema."""
    with connect(owner_url) as tx:
        tx.execute(f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {identifier(role)}")
        tx.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {identifier(schema)} TO {identifier(role)}")


def admit_board(owner_url: str, schema: str, *, writer: str, reader: str, backup: str) -> None:
    """Let one zone's role add rows to a schema that another zone's role may only read: a wall with a letter box."""
    where = identifier(schema)
    with connect(owner_url) as tx:
        tx.execute(f"GRANT USAGE ON SCHEMA {where} TO {identifier(writer)}, {identifier(reader)}, {identifier(backup)}")
        tx.execute(f"GRANT INSERT ON ALL TABLES IN SCHEMA {where} TO {identifier(writer)}")
        tx.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {where} TO {identifier(reader)}, {identifier(backup)}")


def admit_zone(owner_url: str, schema: str, role: str, backup: str, bulk: str) -> None:
    """Let the zone's role work in a system's schema, the backup role read it, the bulk role fill it."""
    zone, reader, filler, where = identifier(role), identifier(backup), identifier(bulk), identifier(schema)
    with connect(owner_url) as tx:
        tx.execute(f"GRANT USAGE ON SCHEMA {where} TO {zone}, {reader}, {filler}")
        tx.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {where} TO {zone}")
        tx.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {where} TO {reader}")
        tx.execute(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {where} TO {filler}")
        tx.execute(f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {where} TO {zone}, {filler}")  # PUBLIC has no right to them
        tx.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {where} TO {zone}, {filler}")
        tx.execute(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {where} TO {reader}")
