//! The mocks of the exchanges, over real sockets.

mod backpack;
mod binance;
mod books;
mod client;
mod kraken;
mod okx;
