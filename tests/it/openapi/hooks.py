"""What a client knows and no schema says: a new operation needs a new name."""

import re

import schemathesis

NAME = "Idempotency-Key"
WELL_FORMED = re.compile(r'([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")\Z')

names = {}


@schemathesis.hook
def before_call(context, case, kwargs):
    name = (case.headers or {}).get(NAME)
    # What is malformed stays, and is refused.
    if not isinstance(name, str) or not WELL_FORMED.match(name):
        return
    operation = (case.method, case.formatted_path, repr(case.body))
    if names.setdefault(name, operation) != operation:
        case.headers[NAME] = f"operation-{len(names)}-{id(case)}"
        names[case.headers[NAME]] = operation
