#!/bin/sh
# Stands for a module of driftless.core where Ansible looks for its documentation. The action plugin of the same name
# executes the module, from bin/.
echo '{"failed": true, "msg": "The action plugin of this module is missing. Install the collection driftless.core again."}'
