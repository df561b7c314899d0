"""The mailbox takes real SMTP from smtplib, keeps every mail, shows it without running it, and fails on cue."""

import hashlib
import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest
import requests

from tests.rig.simulator_process import SimulatorProcess


def receipt(to: str = "maria@example.com", subject: str = "Your receipt – Straße") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Northside <pay@northside.example>", to, subject
    mail["Message-ID"] = "<receipt-1@northside.example>"
    mail.set_content("Thank you. You paid $12.50.\nhttps://pay.example/northside/l/abc.")
    mail.add_alternative('<h1>Thank you</h1><script>parent.ran = 1</script><img src="cid:logo">', subtype="html")
    mail.add_attachment(b"%PDF-1.7 receipt", maintype="application", subtype="pdf", filename="receipt ñ.pdf")
    return mail


def send(simulator: SimulatorProcess, mail: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", simulator.smtp_port, timeout=30) as smtp:
        smtp.login("anybody", "anything")
        smtp.send_message(mail)


def test_a_mail_can_be_read_in_every_part(simulator: SimulatorProcess) -> None:
    send(simulator, receipt())
    (mail,) = simulator.call("GET", "/mailbox.json")
    assert mail["subject"] == "Your receipt – Straße"
    assert mail["message_id"] == "<receipt-1@northside.example>"
    assert mail["recipients"] == ["maria@example.com"]
    assert mail["from"] == "Northside <pay@northside.example>"
    assert "You paid $12.50." in mail["text"]
    assert "<h1>Thank you</h1>" in mail["html"]
    (attachment,) = mail["attachments"]
    assert attachment["name"] == "receipt ñ.pdf"
    assert attachment["size"] == 16
    assert attachment["sha256"] == hashlib.sha256(b"%PDF-1.7 receipt").hexdigest()
    assert mail["received_at"].endswith("+00:00")
    assert b"receipt-1@northside" in requests.get(f"{simulator.url}/mailbox/1/raw", timeout=30).content
    download = requests.get(f"{simulator.url}/mailbox/1/attachments/1", timeout=30)
    assert download.content == b"%PDF-1.7 receipt"
    assert download.headers["Content-Disposition"] == "attachment; filename*=UTF-8''receipt%20%C3%B1.pdf"
    assert requests.get(f"{simulator.url}/mailbox/1/attachments/2", timeout=30).status_code == 404
    assert requests.get(f"{simulator.url}/mailbox/2", timeout=30).status_code == 404


def test_the_list_is_newest_first_and_filtered_by_recipient(simulator: SimulatorProcess) -> None:
    for number, to in enumerate(["maria@example.com", "jo@example.com", "Maria@Example.com"]):
        send(simulator, receipt(to, f"Mail {number}"))
    assert [mail["subject"] for mail in simulator.call("GET", "/mailbox.json")] == ["Mail 2", "Mail 1", "Mail 0"]
    assert [mail["subject"] for mail in simulator.call("GET", "/mailbox.json?recipient=maria@")] == ["Mail 2", "Mail 0"]
    shown = requests.get(f"{simulator.url}/mailbox?recipient=jo@example.com", timeout=30).text
    assert "Mail 1" in shown
    assert "Mail 2" not in shown


def test_what_a_mail_says_is_never_markup_of_the_page(simulator: SimulatorProcess) -> None:
    send(simulator, receipt(subject="<script>alert(1)</script> & 'x'"))
    for path in ("/mailbox", "/mailbox/1"):
        answer = requests.get(simulator.url + path, timeout=30)
        assert "<script" not in answer.text
        assert "script-src" not in answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    shown = requests.get(f"{simulator.url}/mailbox/1/html", timeout=30)
    assert shown.headers["Content-Security-Policy"].startswith("sandbox allow-popups")
    assert "allow-scripts" not in shown.headers["Content-Security-Policy"]
    assert 'href="https://pay.example/northside/l/abc"' in requests.get(f"{simulator.url}/mailbox/1", timeout=30).text


def test_mails_survive_a_restart_and_end_with_the_reset(tmp_path: Path) -> None:
    simulator = SimulatorProcess(data=tmp_path)
    send(simulator, receipt())
    simulator.kill()
    simulator = SimulatorProcess(data=tmp_path)
    send(simulator, receipt(subject="The next day"))
    assert [(mail["id"], mail["subject"]) for mail in simulator.call("GET", "/mailbox.json")] == [
        (2, "The next day"),
        (1, "Your receipt – Straße"),
    ]
    simulator.call("POST", "/simulator/mail-faults", {"mode": "permanent_5xx", "times": 0})
    simulator.reset()
    assert simulator.call("GET", "/mailbox.json") == []
    assert simulator.call("GET", "/simulator/mail-faults") == []
    simulator.stop()


@pytest.mark.parametrize(("mode", "code"), [("temporary_4xx", 451), ("permanent_5xx", 550)])
def test_a_refused_mail_is_not_kept(simulator: SimulatorProcess, mode: str, code: int) -> None:
    simulator.call("POST", "/simulator/mail-faults", {"mode": mode, "times": 2, "recipient": "maria@example.com"})
    send(simulator, receipt("jo@example.com"))
    for _ in range(2):
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(simulator, receipt())
        assert refused.value.smtp_code == code
    send(simulator, receipt())
    assert [mail["recipients"] for mail in simulator.call("GET", "/mailbox.json")] == [
        ["maria@example.com"],
        ["jo@example.com"],
    ]


def test_a_mail_can_be_taken_while_its_sender_learns_nothing(simulator: SimulatorProcess) -> None:
    simulator.call("POST", "/simulator/mail-faults", {"mode": "accept_then_drop"})
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
        send(simulator, receipt())
    send(simulator, receipt())
    assert [mail["message_id"] for mail in simulator.call("GET", "/mailbox.json")] == [
        "<receipt-1@northside.example>"
    ] * 2


def test_a_slow_server_takes_the_mail_although_the_sender_gave_up(simulator: SimulatorProcess) -> None:
    simulator.call("POST", "/simulator/mail-faults", {"mode": "slow", "seconds": 30})
    smtp = smtplib.SMTP("127.0.0.1", simulator.smtp_port, timeout=1)
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        smtp.send_message(receipt())
    smtp.close()
    assert len(simulator.call("GET", "/mailbox.json")) == 1


def test_an_unknown_fault_is_refused(simulator: SimulatorProcess) -> None:
    for wrong in ({"mode": "explode"}, {"mode": "slow", "times": -1}, {"colour": "red"}, {}):
        assert requests.post(f"{simulator.url}/simulator/mail-faults", json=wrong, timeout=30).status_code == 400
    assert simulator.call("GET", "/simulator/mail-faults") == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no header at all",
        b"Subject: =?utf-8?q?=ff=fe?=\r\nTo: <<<>>>, @@\r\nDate: never\r\n\r\n\xff\xfe",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html; charset=odd\r\n\r\n\xff",
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b'Content-Disposition: attachment; filename="../../etc/passwd"\r\n\r\nx',
    ],
)
def test_a_broken_mail_is_kept_and_shown(simulator: SimulatorProcess, raw: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", simulator.smtp_port, timeout=30) as smtp:
        smtp.sendmail("a@example.com", ["b@example.com"], raw)
    assert len(simulator.call("GET", "/mailbox.json")) == 1
    for path in ("/mailbox", "/mailbox/1", "/mailbox/1/html", "/mailbox/1/raw"):
        assert requests.get(simulator.url + path, timeout=30).status_code == 200
