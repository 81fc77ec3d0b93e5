#!/usr/bin/python
"""Stands for a service: `path` exists where it runs. In check mode it looks and says what it would do."""
from ansible.module_utils.basic import AnsibleModule
import os


def main():
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    path = module.params["path"]
    changed = not os.path.exists(path)
    if changed and not module.check_mode:
        open(path, "w").close()
    module.exit_json(changed=changed)


main()
