# SPDX-License-Identifier: GPL-3.0-or-later
"""Validates each line of standard input as Ansible's own modules do, and writes what came of it as a line.

A line is {"specification": {...}, "rules": {...}, "arguments": {...}}, in Ansible's own words.
"""

from __future__ import annotations

import json
import math
import sys

from ansible.module_utils.common import arg_spec, parameters

warned: list[str] = []
arg_spec.warn = parameters.warn = warned.append


def plain(value):
    """What JSON can say exactly; the rest in words."""
    if isinstance(value, dict):
        return {key_text(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return f"float {value}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return f"int {value}"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"JSON has no {type(value)}")


def key_text(key):
    """A key as JSON writes it."""
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, (bool, int, float)):
        return next(iter(json.loads(json.dumps({key: 0}))))
    raise TypeError(f"JSON has no key of {type(key)}")


def validated(case):
    validator = arg_spec.ArgumentSpecValidator(case["specification"], **case["rules"])
    warned.clear()
    result = validator.validate(case["arguments"])
    both = "Both option {option} and its alias {alias} are set."
    return {
        "parameters": plain(result.validated_parameters),
        "problems": result.error_messages,
        "secrets": sorted({str(value) for value in result._no_log_values if not isinstance(value, bool)}),
        "deprecations": [
            {key: value for key, value in deprecation.items() if value is not None}
            for deprecation in result._deprecations
        ],
        "warnings": sorted(warned + [both.format(**warning) for warning in result._warnings]),
    }


for line in sys.stdin:
    try:
        answer = validated(json.loads(line))
    except Exception as error:  # noqa: BLE001 - a module would end with a traceback
        answer = {"crashed": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))
