//! Market-data feeds for Binance spot and Backpack over any transport.
