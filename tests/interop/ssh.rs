//! `ssh -D`: SOCKS4, 4a and 5 without a login, over a connection to an sshd of our own.

use std::path::Path;
use std::process::Command;

use super::door::{Door, Failure, SOCKS};
use super::server::{Server, installed};
use super::visit::visit;

#[tokio::test]
async fn ssh_carries_both_exchanges() {
    let (Some(sshd), Some(ssh), Some(keygen)) =
        (installed("sshd"), installed("ssh"), installed("ssh-keygen"))
    else {
        return;
    };
    let mut server = Server::new(6);
    make_key(&keygen, &server.path("host_key"));
    make_key(&keygen, &server.path("user_key"));
    let [back, front] = server.free_addresses();
    let configuration = format!(
        "ListenAddress {}\n\
         HostKey {}\n\
         AuthorizedKeysFile {}\n\
         AddressFamily inet\n\
         PidFile none\n\
         StrictModes no\n\
         UsePAM no\n",
        back,
        server.path("host_key").display(),
        server.path("user_key.pub").display(),
    );
    let configuration = server.write("sshd_config", &configuration);
    let arguments = [
        "-D".as_ref(),
        "-e".as_ref(),
        "-f".as_ref(),
        configuration.as_os_str(),
    ];
    server.start(&sshd, arguments, &[back]).await;

    let configuration = format!(
        "Host *\n\
         DynamicForward {}\n\
         Port {}\n\
         IdentityFile {}\n\
         IdentitiesOnly yes\n\
         StrictHostKeyChecking no\n\
         UserKnownHostsFile /dev/null\n\
         ExitOnForwardFailure yes\n\
         BatchMode yes\n",
        front,
        back.port(),
        server.path("user_key").display(),
    );
    let configuration = server.write("ssh_config", &configuration);
    let host = back.ip().to_string();
    let arguments = [
        "-N".as_ref(),
        "-F".as_ref(),
        configuration.as_os_str(),
        host.as_ref(),
    ];
    server.start(&ssh, arguments, &[front]).await;
    visit(&[Door {
        address: front,
        egress: None,
        schemes: SOCKS,
        guard: None,
        at_closed_port: Failure::Hangup,
        copes: true,
    }])
    .await;
}

fn make_key(keygen: &Path, path: &Path) {
    let made = Command::new(keygen)
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}
