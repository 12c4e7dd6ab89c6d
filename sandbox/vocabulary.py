"""The words of the simulated bot: names, values, messages, and every nasty value that Chatfuel serves."""

import random
from collections.abc import Iterator

NASTY = (
    "NA", "null", "None", "NaN", "true", "007", "00123", "0", "-7.0", "10:00", "1e5", "9007199254740993",
    "a, b and c", 'she said "yes"', '"', ",", ";", "two\nlines", "two\r\nlines, \"quoted\"", "\ttab", "\\N",
    "\\", "💚", "Zoë & Jürgen", "李小龙", "👩‍🔬 scientist", "=1+1", "'quoted'", " leading and trailing ",
    "{{first name}}", "50%", "<b>bold</b>", "2024-06-05 14:42:16", "x" * 500,
)  # fmt: skip

FIRST_NAMES = (
    "Ada", "Ben", "Chloé", "Dan", "Eve", "Farid", "Grace", "Hana", "Igor", "Jane", "Kofi", "Lena", "Mia",
    "Noor", "Omar", "Pia", "Quinn", "Rosa", "Sven", "Tara", "Uma", "Vik", "Wen", "Ximena", "Yara", "Zoë",
    "Anne, Marie", 'William "Bill"', "Null", "NA", "李", "💃 Dana",
)  # fmt: skip
LAST_NAMES = (
    "Adams", "Brown", "Cruz", "Diaz", "Evans", "Fox", "García", "Hill", "Ito", "Jones", "Khan", "Lee",
    "Müller", "Nguyen", "O'Neil", "Patel", "Quist", "Rossi", "Silva", "Turner", "Usman", "van der Berg",
    "Wu", "Young, Jr.",
)  # fmt: skip
GENDERS = ("female", "male", "neutral")
LOCALES = ("en_US", "en_GB", "es_ES", "de_DE", "fr_FR", "pt_BR")
TIMEZONES = ("-8.0", "-7.0", "-5.0", "-4.0", "0.0", "1.0", "2.0", "5.5")
SOURCES = ("ads", "landing page", "m.me link", "comment", "qr code, poster", "instagram story")

STEPS = ("lead", "hot lead", "advocate", "hero")
OPINIONS = ("support", "on_the_fence", "oppose")
COLORS = ("red", "green", "blue", "teal", "blue, mostly")
HOURS = ("08:30", "10:00", "12:15", "18:00", "21:45")
MALFORMED_PHONES = ("call me", "n/a", "none of your business")
MALFORMED_EMAILS = ("anna(at)example.org", "no thanks", "example.org")

BLOCK_TITLES = (
    "Welcome", "Main menu", "Default answer", 'Quiz: "heat pumps", part 2', "Thank you 💚", "Petition",
    "Opt out", "Find an event", "Ask a human", "Donate",
)  # fmt: skip
MESSAGES = (
    "Hi {{first name}}, did you know? Buses beat cars, twice.",
    "{{first name}}, one question:\nwould you sign?",
    'They said "it cannot be done". It can 💪',
    "New quiz, new prizes 🎁, same planet",
    "Reminder: the town hall is tonight at 19:00",
)

_TOPICS = (
    "Quiz score", "climate_pledge", "Event RSVP", "petition signed", "Poll answer", "donation_amount",
    "Heat pump", "solar interest", "volunteer_role", "Newsletter", "Survey step", "commute", "diet_choice",
    "Ref code", "Webinar", "town_hall", "🌍 pledge", "Prénom préféré", 'Said "yes" to', "Topic, other",
)  # fmt: skip
_VALUES = (
    ("yes", "no"),
    ("yes", "no", "maybe", "not sure"),
    tuple(str(number) for number in range(21)),
    ("0.5", "1.0", "2.50", "-7.0", "10"),
    HOURS,
    ("001", "007", "042", "00123"),
    ("2024-01-15", "2024-05-17", "2024-06-01 09:30:00"),
    ("red", "green", "blue"),
    ("true", "false"),
    NASTY,
)


def attribute_names(count: int) -> Iterator[str]:
    """Return names for custom attributes, some of them alike but for case or space and underscore."""
    made = 0
    number = 0
    while made < count:
        number += 1
        topic = _TOPICS[number % len(_TOPICS)]
        name = f"{topic} {number}"
        twins = {6: name.lower(), 8: name.replace(" ", "_")}
        for spelling in dict.fromkeys((name, twins.get(number % 20, name))):
            if made < count:
                made += 1
                yield spelling


def attribute_values(rng: random.Random) -> tuple[str, ...]:
    """Return the values that one custom attribute can take."""
    return rng.choice(_VALUES)


def phone(rng: random.Random) -> str:
    """Return a phone number, now and then something that is none."""
    if rng.random() < 0.08:
        return rng.choice(MALFORMED_PHONES)
    number = rng.randrange(10**7)
    shape = rng.choice(
        ("+1 415 {0:03d} {1:04d}", "(415) {0:03d}-{1:04d}", "0415{0:03d}{1:04d}", "1415{0:03d}{1:04d}")
    )
    return shape.format(*divmod(number, 10_000))


def email(rng: random.Random) -> str:
    """Return an e-mail address, now and then something that is none."""
    if rng.random() < 0.1:
        return rng.choice(MALFORMED_EMAILS)
    return f"person.{rng.randrange(10**9)}@example.{rng.choice(('org', 'com'))}"


def hex_id(rng: random.Random) -> str:
    """Return an id of 24 hexadecimal digits."""
    return f"{rng.getrandbits(96):024x}"
