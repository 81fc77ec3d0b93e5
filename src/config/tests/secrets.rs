//! The files with secrets that a configuration names.

use super::operator;

#[test]
fn every_file_with_a_secret_is_named_once() {
    let text = "
listen: 127.0.0.1:9847
public_url: https://fleet.example.org
tls: {certificate: /s/fleet.pem, key: {file: /s/tls}}
audit: {key: {file: /s/audit}, previous_key: {file: /s/audit-before}}
sign_in:
  oidc:
    issuer: https://accounts.example.org
    client_id: driftless
    client_secret: {file: /s/oidc}
    roles: [{claim: groups, value: ops, role: admin}]
alerts:
  receivers:
    chat: {slack: {url: {file: /s/slack}}}
    room: {matrix: {homeserver: https://m.example.org, room: \"!a:example.org\", token: {file: /s/matrix}}}
    pager: {webhook: {url: https://pager.example.org/in, secret: {file: /s/pager}}}
    team: {teams: {url: {file: /s/teams}}}
    mail: {smtp: {host: mail.example.org, user: d, password: {file: /s/mail}, from: d@example.org, to: [o@example.org]}}
sources:
  infra:
    url: https://git.example.org/ops/infra.git
    credentials: {https_token: {file: /s/token}}
    forge: {kind: forgejo, token: {file: /s/forge}}
    access:
      ssh_key: {file: /s/ssh}
      become_password: {file: /s/become}
      vault: {prod: {file: /s/vault}}
      environment: {API_TOKEN: {file: /s/variable}}
    stacks:
      web: {access: {ssh_key: {file: /s/ssh-of-web}, become_password: {file: /s/become}}}
  other:
    url: https://git.example.org/ops/other.git
    credentials: {git_credentials: /s/store}
";
    let config = operator(text).expect("a configuration");
    let files = config.secret_files();
    let mut paths: Vec<String> = files.iter().map(|(_, path)| path.display().to_string()).collect();
    paths.sort();
    // Whatever is written as `file:` in the text above, and the one store of credentials.
    let mut wanted: Vec<String> = text
        .split("file: ")
        .skip(1)
        .filter_map(|it| Some(it.split_once('}')?.0.to_owned()))
        .chain(["/s/store".to_owned()])
        .collect();
    wanted.sort();
    wanted.dedup();
    assert_eq!(paths, wanted);
    let what = |path: &str| files.iter().find(|it| it.1.ends_with(path)).map(|it| it.0.as_str());
    assert_eq!(what("ssh-of-web"), Some("the ssh key of runs of infra/web"));
    assert_eq!(what("variable"), Some("the variable API_TOKEN of infra"));
    assert_eq!(what("mail"), Some("the secret of the receiver mail"));
}
