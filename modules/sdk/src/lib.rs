//! Ansible modules in Rust.
//!
//! A module is the struct of its arguments, which derives [`Arguments`], and has one of three shapes:
//!
//! * [`Module`] makes something so. It observes, plans and applies, so check mode and diff mode are right by construction.
//! * [`Inspection`] only looks.
//! * [`Action`] cannot say beforehand what it would do. In check mode Ansible is told so.
//!
//! ```
//! use driftless_module::prelude::*;
//!
//! /// Says hello
//! #[derive(Arguments)]
//! struct Hello {
//!     /// Whom to greet.
//!     #[argument(default = "world", aliases("who"))]
//!     name: String,
//! }
//!
//! impl Inspection for Hello {
//!     const NAME: &'static str = "hello";
//!     type Returned = ();
//!
//!     fn inspect(&self, context: &Context) -> Result<(), Failure> {
//!         context.add("msg", format!("Hello, {}!", self.name));
//!         Ok(())
//!     }
//! }
//!
//! driftless_module::program!(driftless_module::inspection::<Hello>());
//! ```

extern crate self as driftless_module;

mod argument;
mod context;
mod core;
mod documentation;
mod failure;
pub mod files;
mod module;
mod output;
mod program;
mod python;
mod run;
pub mod specification;
pub mod testing;
mod validation;
mod value;

pub use driftless_module_derive::{Arguments, Choices, Returned};

pub use argument::{Argument, Arguments, Bits, Bytes, Json, Unfit};
pub use context::Context;
pub use core::Core;
pub use documentation::{About, ReturnKind, ReturnType, ReturnValue};
pub use failure::{Explain, Failure};
pub use module::{Action, Diff, DiffSide, Inspection, Module, Returned};
pub use output::{Deprecation, HIDDEN};
pub use program::main;
pub use run::{Entry, action, inspection, module};
pub use validation::{Problem, Validation, validate};
pub use value::{Map, Value};

/// The `main` of a program with these modules: `program!(module::<Tree>(), inspection::<Facts>());`
#[macro_export]
macro_rules! program {
    ($($entry:expr),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::main(&[$($entry),+])
        }
    };
}

/// What most modules need.
pub mod prelude {
    pub use std::path::PathBuf;

    pub use crate::{
        Action, Arguments, Choices, Context, Diff, Explain, Failure, Inspection, Module, Returned, action,
        files, inspection, module, program,
    };
}

/// For the derive macros only.
#[doc(hidden)]
pub mod derive {
    pub use crate::argument::{nested, take};
}

/// The guide's code is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/modules.md")]
mod guide {}
