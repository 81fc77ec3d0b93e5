//! All modules of the collection `driftless.core` in one program, which is what is kept on hosts. Ansible says with the
//! arguments which one it wants.

use driftless_module::{module, program};
use driftless_tree::module::Tree;

program!(module::<Tree>());
