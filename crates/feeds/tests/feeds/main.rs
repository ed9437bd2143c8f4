//! Recorded messages, generated ones, and sessions over scripted transports.

#[cfg(test)]
mod activity;
#[cfg(test)]
mod backfill;
#[cfg(test)]
mod backpack;
#[cfg(test)]
mod backpressure;
#[cfg(test)]
mod binance;
#[cfg(test)]
mod book_sync;
#[cfg(test)]
mod books;
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod exchanges_page;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod follower;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod kraken;
#[cfg(test)]
mod market;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod mocks;
#[cfg(test)]
mod numbering;
#[cfg(test)]
mod okx;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod ranges;
#[cfg(test)]
mod reconnect;
#[cfg(test)]
mod redundancy;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod renewals;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod resumption;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod seams;
#[cfg(test)]
mod silent;
#[cfg(test)]
mod stream_books;
#[cfg(test)]
mod streamed;
#[cfg(test)]
mod takeover;
#[cfg(test)]
mod tape;
#[cfg(test)]
mod walks;
