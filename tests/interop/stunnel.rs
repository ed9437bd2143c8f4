//! stunnel: TLS in front of a tinyproxy, which makes an `https` proxy of it.

use super::certificate::Certificate;
use super::door::{Door, Failure, HTTPS};
use super::server::{Server, installed};
use super::tinyproxy::{self, GUARD};
use super::visit::visit_trusting;

#[tokio::test]
async fn stunnel_in_front_of_tinyproxy_carries_both_exchanges() {
    let (Some(stunnel), Some(tinyproxy)) = (installed("stunnel4"), installed("tinyproxy")) else {
        return;
    };
    let mut server = Server::new(7);
    let [back, front] = server.free_addresses();
    let certificate = Certificate::issue(&server, front.ip());

    let arguments = tinyproxy::arguments(&server, back, true);
    server.start(&tinyproxy, arguments, &[back]).await;

    let configuration = format!(
        "foreground = yes\n\
         pid =\n\
         [tls]\n\
         accept = {}\n\
         connect = {}\n\
         cert = {}\n\
         key = {}\n",
        front,
        back,
        certificate.certificate_file.display(),
        certificate.key_file.display(),
    );
    let configuration = server.write("stunnel.conf", &configuration);
    server.start(&stunnel, [configuration], &[front]).await;
    let door = Door {
        address: front,
        egress: Some(server.egress()),
        schemes: HTTPS,
        guard: Some(GUARD),
        at_closed_port: Failure::Told,
        copes: true,
    };
    visit_trusting(&[door], &certificate.pem).await;
}
