#!/usr/bin/python
"""Predicts no change, and then makes one each time."""
from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    if not module.check_mode:
        open(module.params["path"], "a").close()
    module.exit_json(changed=not module.check_mode)


main()
