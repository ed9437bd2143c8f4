//! A wire that takes its time.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tun_rs::{DeviceBuilder, SyncDevice};

use crate::error::Result;

/// What a packet may be long.
const MTU: usize = 1500;

/// Two network devices with a wire between them, on which every packet is under way for a while.
///
/// It lasts as long as the process does.
#[derive(Debug)]
pub(super) struct Wire {
    /// The devices' names.
    pub(super) ends: [&'static str; 2],
}

impl Wire {
    /// Makes the devices in the network namespace of this process. They keep their wire when they
    /// are moved to others.
    pub(super) fn lay(delay: Duration) -> Result<Self> {
        let ends = ["near", "far"];
        let [near, far] = ends.map(|name| {
            DeviceBuilder::new()
                .name(name)
                .mtu(MTU as u16)
                .build_sync()
                .map(Arc::new)
        });
        let (near, far) = (near?, far?);
        connect(&near, &far, delay);
        connect(&far, &near, delay);
        Ok(Self { ends })
    }
}

/// What `from` sends arrives at `to`, every packet as long after it was sent.
fn connect(from: &Arc<SyncDevice>, to: &Arc<SyncDevice>, delay: Duration) {
    let (sender, receiver) = channel();
    let (from, to) = (Arc::clone(from), Arc::clone(to));
    thread::spawn(move || accept(&from, &sender, delay));
    thread::spawn(move || deliver(&to, &receiver));
}

/// A packet, and when it is to arrive.
type Packet = (Instant, Vec<u8>);

fn accept(device: &SyncDevice, wire: &Sender<Packet>, delay: Duration) -> io::Result<()> {
    let mut buffer = [0; MTU];
    loop {
        let length = device.recv(&mut buffer)?;
        let packet = buffer.get(..length).unwrap_or_default().to_vec();
        if wire.send((Instant::now() + delay, packet)).is_err() {
            return Ok(());
        }
    }
}

fn deliver(device: &SyncDevice, wire: &Receiver<Packet>) {
    for (due, packet) in wire {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // A device that is not up yet loses it, as a network may.
        let _ = device.send(&packet);
    }
}
