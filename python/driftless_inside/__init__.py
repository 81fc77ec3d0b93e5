# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs inside Ansible's process: the channel for events, and the places where Ansible is listened to."""
