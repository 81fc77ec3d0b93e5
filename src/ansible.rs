//! Runs Ansible and understands what it tells.
