"""What `declare` does, as lines for RabbitMQ's own command, where there is no management API."""

import json
import shlex

from winnowry.runners.cluster.administration import Administration


def command_lines(wanted: Administration) -> list[str]:
    """Return lines for a shell. They hold no password: ``add_user`` asks for one.

    >>> from winnowry.runners.cluster.administration import Grant
    >>> lines = command_lines(Administration(vhost="/", exchanges=(), grants=(Grant(user="alice", read="^q_alice$"),)))
    >>> lines[1]
    "rabbitmqctl set_permissions -p / alice '^$' '^$' '^q_alice$'"
    """
    lines = [] if wanted.vhost == "/" else [f"rabbitmqctl add_vhost {shlex.quote(wanted.vhost)}"]
    for grant in wanted.grants:
        user = shlex.quote(grant.user)
        lines.append(f"rabbitmqctl add_user {user}  # asks for the password; fails where the user is there already")
        words = ["-p", wanted.vhost, grant.user, grant.configure, grant.write, grant.read]
        lines.append(f"rabbitmqctl set_permissions {shlex.join(words)}")
        if grant.tags:
            lines.append(f"rabbitmqctl set_user_tags {user} {grant.tags}")
    return [*lines, *_exchanges(wanted)]


def _exchanges(wanted: Administration) -> list[str]:
    if not wanted.exchanges:
        return []
    described = [
        {
            "name": name,
            "vhost": wanted.vhost,
            "type": "topic",
            "durable": True,
            "auto_delete": False,
            "internal": False,
            "arguments": {},
        }
        for name in wanted.exchanges
    ]
    return [
        "rabbitmqctl import_definitions <<'END'",
        '{"exchanges": [',
        ",\n".join(json.dumps(entry) for entry in described),
        "]}",
        "END",
    ]
