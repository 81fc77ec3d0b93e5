#!/usr/bin/python
"""Predicts a change each time, and then makes none."""
from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    module.exit_json(changed=module.check_mode)


main()
