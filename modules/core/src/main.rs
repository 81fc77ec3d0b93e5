//! All modules of the collection `driftless.core` in one program, which is what is kept on hosts. Ansible says with the
//! arguments which one it wants.

use driftless_facts::module::Facts;
use driftless_module::{inspection, module, program};
use driftless_probe::module::Probe;
use driftless_tree::module::Tree;

program!(module::<Tree>(), inspection::<Probe>(), inspection::<Facts>());
