"""webhook_corpus.py DIRECTORY: writes what forges sent as inputs for the fuzz target `webhook`.

Reads tests/fixtures/webhooks; `octokit.jsonl.zst` by the program zstd.
"""

import json
import pathlib
import subprocess
import sys

FIXTURES = pathlib.Path("tests/fixtures/webhooks")
OCTOKIT = FIXTURES / "octokit.jsonl.zst"
# Provider, header with the event, event, file: as in src/forge/webhook/tests/payloads.rs.
OTHERS = [
    ("gitlab", "x-gitlab-event", "Push Hook", "gitlab-push.json"),
    ("gitlab", "x-gitlab-event", "Merge Request Hook", "gitlab-merge-request.json"),
    ("gitlab", "x-gitlab-event", "Tag Push Hook", "gitlab-tag-push.json"),
    ("forgejo", "x-forgejo-event", "push", "forgejo-push.json"),
    ("forgejo", "x-forgejo-event", "pull_request", "forgejo-pull-request.json"),
    ("gitea", "x-gitea-event", "push", "forgejo-push.json"),
    ("gitea", "x-gitea-event", "pull_request_approved", "forgejo-pull-request.json"),
    ("bitbucket", "x-event-key", "repo:push", "bitbucket-push.json"),
    ("bitbucket", "x-event-key", "repo:push", "bitbucket-branch-deleted.json"),
    ("bitbucket", "x-event-key", "pullrequest:updated", "bitbucket-pull-request.json"),
]
GENERIC = [
    {"event": "ping"},
    {"event": "push", "ref": "refs/heads/main", "commit": "ab" * 20, "repository": "acme/infra"},
    {"event": "merge_request", "number": 7},
]


def request(provider: str, headers: dict[str, str], body: str) -> str:
    return "\n".join([provider, *(f"{name}: {value}" for name, value in headers.items()), "", body])


def requests() -> list[str]:
    made = [
        request(provider, {header: event}, (FIXTURES / file).read_text()) for provider, header, event, file in OTHERS
    ]
    made += [request("generic", {"webhook-id": "msg_1"}, json.dumps(body)) for body in GENERIC]
    sent = subprocess.run(["zstd", "-dc", OCTOKIT], check=True, stdout=subprocess.PIPE, text=True)
    for line in sent.stdout.splitlines():
        delivery = json.loads(line)
        headers = {"x-github-event": delivery["event"], "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
        made.append(request("github", headers, json.dumps(delivery["payload"])))
    return made


def main() -> None:
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(requests()):
        (directory / f"sent-{number:03}").write_text(text)


main()
