//! The manifests of compose and Kubernetes, as their schemas want them.

use super::{file, installed, succeeds};

#[test]
fn kubernetes_accepts_the_manifests() {
    if let Some(mut validate) = installed("kubernetes-validate") {
        let said = succeeds(validate.arg("--strict").arg(file("kubernetes.yaml")));
        assert_eq!(said.matches("passed for resource").count(), 4, "{said}");
    }
}

#[test]
fn the_compose_files_are_valid() {
    if let Some(mut check) = installed("check-jsonschema") {
        check.args(["--builtin-schema", "vendor.compose-spec"]);
        succeeds(check.args(["compose.yaml", "fleet.yaml"].map(file)));
    }
}
