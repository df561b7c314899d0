"""What people text back, in the words people use: who wants no more texts is heard however it is spelled (C17, C28)."""

import time

import pytest

from portal.domain.reply import Meaning, meaning_of

STOPS = [
    "STOP", "stop", " Stop. ", "STOP!!!", "stop ", "UNSUBSCRIBE", "Unsubscribe.", "CANCEL", "cancel", "END",
    "End.", "QUIT", "quit!", "REVOKE", "Opt out", "OPT-OUT", "optout", "Opt Out.", "Please stop", "STOP please",
    "stop it", "please stop texting me", "Stop texting me", "No more messages", "no more texts please",
    "I don't want these texts", "I don’t want any more messages", "do not text me", "Dont text this number",
    "don't send me any more texts", "Remove me", "take me off your list", "please remove my number",
    "wrong number", "You have the wrong person", "leave me alone", "I want to opt out", "unsubscribe me from this",
    "I revoke my consent", "stop sending me messages", "quit sending these msgs", "Stop contacting me",
    "STOP I already paid this", "never text me again", "stop with the texts", "end these messages", "ALTO", "alto",
    "PARAR", "Parar.", "pare", "Paren!", "BAJA", "dar de baja", "Cancelar", "No más", "NO MAS MENSAJES",
    "no más mensajes por favor", "No me manden mensajes", "ya no me envíen mensajes", "no quiero más mensajes",
    "deje de mandar mensajes", "Dejen de escribirme", "Número equivocado", "bórrenme", "Por favor paren",
    "No. STOP.", "No! Stop texting me", "please cancel", "Cancel please", "please quit", "pls stop", "stop at once",
    "END please", "End this", "cancel these texts", "ya basta", "cancele los mensajes", "pare los mensajes",
    "detener", "\u00a0STOP\u00a0", "ＳＴＯＰ", "STOP\n\nSent from my phone",
    "Just stop", "S.T.O.P.", "ok stop", "no texts", "I revoke my permission", "This is not my number",
    "cease and desist", "No quiero que me escriban", "no quiero que me manden nada", "No mensajes por favor",
    "cancelar mensajes",
]  # fmt: skip
OTHERS = [
    "", "ok", "yes", "Thanks!", "When is my payment due?", "Can I stop by the office tomorrow?",
    "I will pay at the end of the month", "I want to cancel my appointment", "please don't stop",
    "No pare los pagos", "Who is this?", "My card was declined", "👍", "¿Cuánto debo?", "stop payment on my check",
    "pay 50", "para pagar mañana", "what are the texts about", "Stop my payment plan",
    "don't cancel", "no cancele los pagos", "please cancel my payment plan", "thanks", "now",
    "I got no texts from you", "you can just stop by", "no quiero que me cobren", "cancel all my payments",
]  # fmt: skip


@pytest.mark.parametrize("text", STOPS)
def test_c17_c28_whoever_wants_no_more_texts_is_heard(text: str) -> None:
    assert meaning_of(text) is Meaning.stop


@pytest.mark.parametrize(
    "text",
    ["STOPALL", "stop all", "Stop All.", "STOP ALL!", "Please STOPALL", "Cancel all", "END ALL", "Unsubscribe all"],
)
def test_c31_stopall_says_itself_that_it_means_everything(text: str) -> None:
    assert meaning_of(text) is Meaning.stop_all


@pytest.mark.parametrize("text", ["START", "start.", "UNSTOP", "Unstop!", "INICIAR", "comenzar"])
def test_whoever_wants_texts_again_is_heard(text: str) -> None:
    assert meaning_of(text) is Meaning.start


@pytest.mark.parametrize("text", ["HELP", "help?", "Info", "INFO.", "AYUDA", "¿Ayuda?", "Información"])
def test_c30_whoever_asks_for_help_is_heard(text: str) -> None:
    assert meaning_of(text) is Meaning.help


@pytest.mark.parametrize("text", OTHERS)
def test_what_speaks_of_something_else_is_left_to_a_person(text: str) -> None:
    assert meaning_of(text) is Meaning.other


@pytest.mark.parametrize(
    "text", ["stop " * 5_000, "no more " * 3_000, "a" * 100_000, "don t want " * 3_000, "\u0301" * 50_000]
)
def test_attack_089_a_long_text_is_read_in_no_time(text: str) -> None:
    begun = time.perf_counter()
    meaning_of(text)
    assert time.perf_counter() - begun < 5  # one that goes back and forth takes minutes
