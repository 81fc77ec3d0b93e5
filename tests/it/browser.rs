//! The pages in a real Chromium: what people see and do, and what strangers' text must not do.
//!
//! Each story ends with [`chromium::Browser::finish`]: nothing was refused by the content security policy, nothing was
//! written to the console as an error, no strange text was executed, and no request went anywhere else.

mod axe;
mod chromium;
mod driver;
mod hostile;
mod keyboard;
mod looks;
mod misbehaving;
mod requests;
mod site;
mod stories;
