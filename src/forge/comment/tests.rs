//! Stories of comments: what people read, what hostile texts cannot do, and that it fits.

mod example;
mod hostile;
mod parsed;
mod size;
mod stories;
