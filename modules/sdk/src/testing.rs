//! Runs modules in tests: in process, or as Ansible does.
