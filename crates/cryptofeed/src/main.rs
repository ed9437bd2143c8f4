//! The cryptofeed command.
fn main() {}
