//! The table of signatures: what is pushed, and what each policy says of it, with SSH and PGP keys. Made by the
//! real git, ssh-keygen and gpg.

mod keys;

use std::os::unix::fs::PermissionsExt as _;

use keys::{Format, Keys, Signer, now, while_valid};

use super::support::{Repository, Workshop, source};
use crate::domain::{
    CommitHash, Failure, Lineage, Reference, Sighting, SignaturePolicy, SignatureRules, Timestamp,
};
use crate::git::{Claim, Distrust, Fetched, GitError};

/// A repository that is followed, and the people who push to it.
struct Scene {
    workshop: Workshop,
    repository: Repository,
    keys: Keys,
    format: Format,
    reference: Reference,
    /// What was admitted before the story begins.
    base: CommitHash,
    sightings: Vec<Sighting>,
    first_parent: bool,
}

impl Scene {
    async fn new(format: Format) -> Self {
        let workshop = Workshop::new();
        let repository = workshop.repository("remote");
        let keys = Keys::new(&workshop.path("k"), format);
        let mut scene = Self {
            base: "0".repeat(40).parse().expect("a hash"),
            reference: "main".parse().expect("a branch"),
            sightings: Vec::new(),
            first_parent: false,
            workshop,
            repository,
            keys,
            format,
        };
        scene.base = scene.commit(Some(Signer::Alice), "the base");
        scene.fetch(None).await;
        scene
    }

    /// Commits something, signed by somebody or nobody.
    fn commit(&self, signer: Option<Signer>, message: &str) -> CommitHash {
        self.repository.write("file", message);
        self.repository.git(["add", "-A"]);
        self.signed(signer, &["commit", "-q", "-m", message]);
        self.repository.head()
    }

    fn signed(&self, signer: Option<Signer>, arguments: &[&str]) {
        let options = signer.map(|it| self.keys.signing(it)).unwrap_or_default();
        let sign = signer.map(|_| "-S").filter(|_| arguments[0] != "tag");
        let all = options.iter().map(String::as_str);
        let all = all.chain([arguments[0]]).chain(sign).chain(arguments[1..].iter().copied());
        self.repository.git(all);
    }

    async fn fetch(&self, admitted: Option<&CommitHash>) -> Fetched {
        let remote = crate::git::Remote { reference: self.reference.clone(), ..self.repository.remote() };
        self.workshop.git.fetch(&remote, admitted).await.expect("a fetch")
    }

    /// What a policy says of what the reference names now.
    async fn judged(&self, policy: SignaturePolicy) -> Option<Distrust> {
        let rules = SignatureRules { first_parent: self.first_parent, ..self.keys.rules(policy) };
        self.judged_by(&rules).await
    }

    async fn judged_by(&self, rules: &SignatureRules) -> Option<Distrust> {
        let fetched = self.fetch(Some(&self.base)).await;
        let (tag, base) = (fetched.tag, Some(self.base.clone()));
        let claim = Claim { revision: fetched.revision, tag, base };
        let verdict = self.workshop.git.verify(&source(), &claim, rules, &self.sightings, now()).await;
        match verdict {
            Ok(()) => None,
            Err(GitError::Untrusted(untrusted)) => {
                let failure = Failure::from(GitError::from(untrusted.clone()));
                assert!(failure.security && failure.remedy.is_some(), "{failure}");
                Some(untrusted.why)
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Compares all three policies with what they are to say.
    async fn expect(
        &self,
        what: &str,
        off: Option<Distrust>,
        tip: Option<Distrust>,
        range: Option<Distrust>,
    ) {
        let policies = [SignaturePolicy::Off, SignaturePolicy::Tip, SignaturePolicy::Range];
        for (policy, expected) in policies.into_iter().zip([off, tip, range]) {
            let said = self.judged(policy).await;
            let verdict = said.map_or_else(|| "accepted".to_owned(), |it| format!("refused: it {it}"));
            println!("{:?} {what}, {policy:?}: {verdict}", self.format);
            assert_eq!(said, expected, "{:?} {what}, {policy:?}", self.format);
        }
    }

    fn seen(&mut self, commit: &CommitHash, at: Timestamp) {
        let (commit, base) = (commit.clone(), Some(self.base.clone()));
        self.sightings.push(Sighting { commit, tag: None, base, at });
    }
}

const FORMATS: [Format; 2] = [Format::Ssh, Format::OpenPgp];

#[tokio::test]
async fn who_signed_decides() {
    for format in FORMATS {
        let scene = Scene::new(format).await;
        scene.commit(Some(Signer::Alice), "signed");
        scene.expect("signed", None, None, None).await;
        scene.commit(Some(Signer::Mallory), "unknown key");
        let unknown = Some(Distrust::UnknownKey);
        scene.expect("unknown key", None, unknown, unknown).await;
        scene.commit(Some(Signer::Alice), "signed over an unknown key");
        scene.expect("signed over an unknown key", None, None, unknown).await;

        let scene = Scene::new(format).await;
        scene.commit(None, "unsigned");
        let unsigned = Some(Distrust::Unsigned);
        scene.expect("unsigned", None, unsigned, unsigned).await;
        scene.commit(Some(Signer::Alice), "signed over unsigned");
        scene.expect("signed over unsigned", None, None, unsigned).await;
    }
}

#[tokio::test]
async fn a_key_that_expired_counts_by_when_the_commit_was_seen_and_not_by_its_date() {
    for format in FORMATS {
        let mut scene = Scene::new(format).await;
        // The commit says that it is of 2023-11-14, when the key was valid: all commits of these tests do.
        let backdated = scene.commit(Some(Signer::Old), "backdated");
        let expired = Some(Distrust::Expired);
        scene.expect("expired key, backdated", None, expired, expired).await;
        scene.seen(&backdated, while_valid());
        scene.expect("expired key, seen while it was valid", None, None, None).await;
        // What comes on top is seen later.
        scene.commit(Some(Signer::Old), "on top");
        scene.expect("expired key, seen later", None, expired, expired).await;
        scene.commit(Some(Signer::Alice), "signed on top");
        scene.expect("signed over expired key", None, None, expired).await;
    }
}

#[tokio::test]
async fn an_honest_date_after_the_end_of_the_key_is_refused_as_well() {
    for format in FORMATS {
        let scene = Scene::new(format).await;
        let mut git = super::support::plain_git(&scene.repository.path);
        git.env("GIT_COMMITTER_DATE", "@1750000000 +0000").args(scene.keys.signing(Signer::Old));
        let status = git.args(["commit", "-q", "--allow-empty", "-S", "-m", "honest"]).status();
        assert!(status.expect("git starts").success());
        let expired = Some(Distrust::Expired);
        scene.expect("expired key, honest date", None, expired, expired).await;
    }
}

#[tokio::test]
async fn a_revoked_key_never_counts_whenever_the_commit_was_seen() {
    for format in FORMATS {
        let mut scene = Scene::new(format).await;
        let commit = scene.commit(Some(Signer::Lost), "by a key that is lost later");
        scene.expect("before the revocation", None, None, None).await;
        scene.keys.revoke();
        scene.seen(&commit, while_valid());
        let revoked = Some(Distrust::Revoked);
        scene.expect("revoked key", None, revoked, revoked).await;
    }
}

#[tokio::test]
async fn a_merge_vouches_for_what_it_merges_only_where_the_operator_says_so() {
    for format in FORMATS {
        let mut scene = Scene::new(format).await;
        scene.repository.git(["checkout", "-q", "-b", "topic"]);
        scene.commit(None, "unsigned work");
        scene.repository.git(["checkout", "-q", "main"]);
        let work = scene.commit(Some(Signer::Alice), "signed work");
        let merge = ["merge", "-q", "--no-ff", "-s", "ours", "-m", "merged by the forge"];
        scene.signed(Some(Signer::Alice), &[&merge[..], &["topic"]].concat());
        let unsigned = Some(Distrust::Unsigned);
        scene.expect("signed merge of unsigned commits", None, None, unsigned).await;
        scene.first_parent = true;
        scene.expect("signed merge of unsigned commits, first parent", None, None, None).await;
        // A merge the other way round, with the unsigned side as its first parent.
        scene.repository.git(["checkout", "-q", "-B", "main", "topic"]);
        scene.signed(Some(Signer::Alice), &[&merge[..], &[work.as_str()]].concat());
        scene.expect("first parent is the unsigned side", None, None, unsigned).await;
    }
}

#[tokio::test]
async fn what_lies_beside_the_objects_changes_nothing() {
    for format in FORMATS {
        let scene = Scene::new(format).await;
        let signed = scene.commit(Some(Signer::Alice), "signed");
        let parent = format!("{}~", signed.as_str());
        scene.repository.git(["reset", "-q", "--hard", &parent]);
        let unsigned = scene.commit(None, "unsigned");
        // At the remote: replaced by the signed one.
        scene.repository.git(["replace", unsigned.as_str(), signed.as_str()]);
        let expected = Some(Distrust::Unsigned);
        scene.expect("replaced at the remote", None, expected, expected).await;
        // And in the cache, as if somebody had got at it: replaced, grafted and cut off.
        let cache = scene.workshop.cache();
        let write = |path: &str, text: String| {
            let path = cache.join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::fs::write(path, text).expect("a file");
        };
        scene.repository.git(["update-ref", "-d", &format!("refs/replace/{unsigned}")]);
        let pushed = cache.display().to_string();
        scene.repository.git(["push", "-q", &pushed, &format!("{signed}:refs/heads/signed")]);
        write(&format!("refs/replace/{unsigned}"), format!("{signed}\n"));
        write("info/grafts", format!("{unsigned}\n"));
        write("shallow", format!("{unsigned}\n"));
        scene.expect("replaced, grafted and shallow in the cache", None, expected, expected).await;
        scene.commit(Some(Signer::Alice), "signed on top");
        scene.expect("signed over what is replaced", None, None, expected).await;
    }
}

#[tokio::test]
async fn a_rollback_to_something_signed_is_for_the_rule_of_rewinds() {
    for format in FORMATS {
        let mut scene = Scene::new(format).await;
        let old = scene.base.clone();
        scene.base = scene.commit(Some(Signer::Alice), "newer");
        scene.repository.git(["reset", "-q", "--hard", old.as_str()]);
        scene.expect("rollback", None, None, None).await;
        let fetched = scene.fetch(Some(&scene.base)).await;
        assert_eq!(fetched.lineage, Lineage::Rewound { from: scene.base.clone() });
    }
}

#[tokio::test]
async fn a_key_that_was_taken_away_after_the_poll_does_not_count_at_the_start() {
    for format in FORMATS {
        let scene = Scene::new(format).await;
        scene.commit(Some(Signer::Alice), "signed");
        scene.expect("at the poll", None, None, None).await;
        scene.keys.allow(&[Signer::Lost]);
        let unknown = Some(Distrust::UnknownKey);
        scene.expect("at the start, without the key", None, unknown, unknown).await;
        scene.keys.allow(&[Signer::Alice]);
        scene.expect("with the key again", None, None, None).await;
    }
}

#[tokio::test]
async fn a_signature_of_another_commit_is_none_of_this_one() {
    for format in FORMATS {
        let scene = Scene::new(format).await;
        let signed = scene.commit(Some(Signer::Alice), "signed");
        let text = scene.repository.git(["cat-file", "commit", signed.as_str()]);
        let forged = text.replace("\nsigned", "\nforged");
        let id = scene
            .repository
            .git_with_input(["hash-object", "-t", "commit", "-w", "--stdin"], forged.as_bytes());
        scene.repository.git(["reset", "-q", "--hard", &id]);
        let invalid = Some(Distrust::Invalid);
        scene.expect("signature of another commit", None, invalid, invalid).await;
    }
}

#[tokio::test]
async fn a_signature_for_something_else_than_git_does_not_count() {
    let scene = Scene::new(Format::Ssh).await;
    let plain = scene.commit(None, "plain");
    let text = scene.repository.git(["cat-file", "commit", plain.as_str()]) + "\n";
    let payload = scene.workshop.path("payload");
    std::fs::write(&payload, &text).expect("a file");
    let signature = scene.keys.sign_as_file(&payload).trim_end().replace('\n', "\n ");
    let (head, message) = text.split_once("\n\n").expect("a message");
    let signed = format!("{head}\ngpgsig {signature}\n\n{message}");
    let id =
        scene.repository.git_with_input(["hash-object", "-t", "commit", "-w", "--stdin"], signed.as_bytes());
    scene.repository.git(["reset", "-q", "--hard", &id]);
    let namespace = Some(Distrust::Namespace);
    scene.expect("wrong namespace", None, namespace, namespace).await;
}

#[tokio::test]
async fn keys_of_the_other_kind_do_not_help() {
    for (format, other) in [(Format::Ssh, Format::OpenPgp), (Format::OpenPgp, Format::Ssh)] {
        let scene = Scene::new(format).await;
        scene.commit(Some(Signer::Alice), "signed");
        let others = Keys::new(&scene.workshop.path("o"), other);
        let said = scene.judged_by(&others.rules(SignaturePolicy::Tip)).await;
        assert!(matches!(said, Some(Distrust::NoKeysOfKind(_))), "{said:?}");
    }
}

#[tokio::test]
async fn a_tag_has_to_be_the_one_that_it_says() {
    for format in FORMATS {
        let mut scene = Scene::new(format).await;
        scene.commit(Some(Signer::Alice), "released");
        scene.signed(Some(Signer::Alice), &["tag", "-s", "-m", "release", "v1"]);
        scene.reference = "refs/tags/v1".parse().expect("a tag");
        scene.expect("signed tag", None, None, None).await;

        // Another tag's object in its place: git itself verifies it without a word.
        scene.repository.git(["update-ref", "refs/tags/v9", "refs/tags/v1"]);
        scene.reference = "refs/tags/v9".parse().expect("a tag");
        let named = Some(Distrust::TagName);
        scene.expect("moved tag object", named, named, named).await;

        scene.signed(Some(Signer::Mallory), &["tag", "-s", "-m", "release", "v2"]);
        scene.reference = "refs/tags/v2".parse().expect("a tag");
        let unknown = Some(Distrust::UnknownKey);
        scene.expect("tag by an unknown key", None, unknown, unknown).await;

        scene.repository.git(["tag", "-a", "-m", "release", "v3"]);
        scene.reference = "refs/tags/v3".parse().expect("a tag");
        let unsigned = Some(Distrust::Unsigned);
        scene.expect("unsigned tag of a signed commit", None, unsigned, unsigned).await;

        scene.repository.git(["tag", "v4"]);
        scene.reference = "refs/tags/v4".parse().expect("a tag");
        let light = Some(Distrust::LightweightTag);
        scene.expect("lightweight tag of a signed commit", None, light, light).await;

        scene.commit(None, "unsigned");
        scene.signed(Some(Signer::Alice), &["tag", "-s", "-m", "release", "v5"]);
        scene.reference = "refs/tags/v5".parse().expect("a tag");
        scene.expect("signed tag of an unsigned commit", None, None, unsigned).await;
    }
}

#[tokio::test]
async fn a_tag_that_is_moved_back_is_for_the_rule_of_rewinds() {
    for format in FORMATS {
        let mut scene = Scene::new(format).await;
        let released = scene.commit(Some(Signer::Alice), "released");
        scene.signed(Some(Signer::Alice), &["tag", "-s", "-m", "release", "v1"]);
        scene.reference = "refs/tags/v1".parse().expect("a tag");
        assert_eq!(
            scene.fetch(Some(&scene.base)).await.lineage,
            Lineage::Descendant { of: scene.base.clone() }
        );
        scene.signed(Some(Signer::Alice), &["tag", "-f", "-s", "-m", "release", "v1", scene.base.as_str()]);
        let fetched = scene.fetch(Some(&released)).await;
        assert_eq!(fetched.revision.commit, scene.base);
        assert_eq!(fetched.lineage, Lineage::Rewound { from: released });
        scene.expect("moved tag, signed", None, None, None).await;
    }
}

#[tokio::test]
async fn keys_that_cannot_be_used_accept_nothing() {
    let scene = Scene::new(Format::Ssh).await;
    scene.commit(Some(Signer::Alice), "signed");
    let file = scene.workshop.path("none");
    let rules = SignatureRules {
        policy: SignaturePolicy::Tip,
        allowed_signers: Some(file.clone()),
        ..SignatureRules::default()
    };
    let fetched = scene.fetch(None).await;
    let claim = Claim { revision: fetched.revision, tag: None, base: None };
    let name = source();
    let verify = || scene.workshop.git.verify(&name, &claim, &rules, &[], now());
    let error = verify().await.expect_err("no file");
    assert!(error.is_distrust() && error.to_string().ends_with("it does not exist"), "{error}");
    std::fs::write(&file, "").expect("a file");
    let error = verify().await.expect_err("nobody may sign");
    assert!(matches!(error, GitError::Untrusted(_)), "{error}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).expect("its mode");
    let error = verify().await.expect_err("a file that everybody may write");
    assert!(error.to_string().ends_with("everybody may write it"), "{error}");
}

#[tokio::test]
async fn the_machinery_leaves_no_files() {
    let scene = Scene::new(Format::OpenPgp).await;
    scene.commit(Some(Signer::Alice), "signed");
    scene.expect("signed", None, None, None).await;
    let left = std::fs::read_dir(scene.workshop.path("run")).expect("a directory");
    let left = left.flatten().filter(|it| it.file_name().to_string_lossy().starts_with("verify-"));
    assert_eq!(left.count(), 0);
}
