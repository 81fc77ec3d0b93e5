#!/usr/bin/python
"""Stands for a service: `path` exists where it runs. It does not support check mode."""
from ansible.module_utils.basic import AnsibleModule
import os


def main():
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}})
    path = module.params["path"]
    changed = not os.path.exists(path)
    open(path, "a").close()
    module.exit_json(changed=changed)


main()
