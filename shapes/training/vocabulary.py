"""The words that captions of the procedural world use, as CLIP's token ids."""

from ldm.modules.encoders.tokens import END_ID, START_ID

PAD_ID = 0


def shapes_vocabulary() -> list[int]:
    """Return the ids that the small text encoder knows: padding, start, end, then the words'."""
    from open_clip.tokenizer import SimpleTokenizer

    from shapes.world.shapes import VOCABULARY_WORDS

    tokenizer = SimpleTokenizer()
    words = {token for word in VOCABULARY_WORDS for token in tokenizer.encode(word)}
    return [PAD_ID, START_ID, END_ID, *sorted(words - {PAD_ID, START_ID, END_ID})]
