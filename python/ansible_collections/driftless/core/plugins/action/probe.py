# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module `driftless.core.probe`."""

from __future__ import annotations

from ansible_collections.driftless.core.plugins.plugin_utils.delivery import DeliveredAction


class ActionModule(DeliveredAction):
    MODULE = "driftless.core.probe"
