"""What the labels of metrics say: all the values that can be listed. See `workers.metrics`."""

OUTCOMES = ("enriched", "filtered", "dead_lettered")
STAGES = ("decode", "clean", "language", "entities", "match", "encode", "queue", "send")
"""Where an article's time goes: the first six in the pool, `queue` waiting for it, `send` until acknowledged."""
COMMIT_RESULTS = ("ok", "failed")
RELOAD_RESULTS = ("ok", "failed")
FOLLOWED_FILES = ("sources", "gazetteer")
WATCHLIST_ORIGINS = ("file", "topic", "shipped")
POOL_RESTARTS = ("crash", "timeout", "memory", "recycled")
PARAGRAPHS = ("hit", "miss")
SUPPRESSED = ("repeat", "cooldown", "backfill", "missed")
DELIVERIES = ("delivered", "digested", "repeated", "retried", "refused")
FURNITURE = (
    *("app", "newsletter", "cookies", "credits", "standards", "share", "read-more", "advertisement", "copyright"),
    *("click-here", "follow", "comments", "photo", "feed", "disclaimer", "paywall", "video", "navigation", "tags"),
    *("bio", "timestamp"),
)
"""Kinds of boilerplate (`workers/article/boilerplate.txt`)."""
OTHER = "other"
"""What has no series of its own."""
ENTITIES = (
    *("PERSON", "NORP", "FAC", "ORG", "GPE", "LOC", "PRODUCT", "EVENT", "WORK_OF_ART", "LAW", "LANGUAGE"),
    *("DATE", "TIME", "PERCENT", "MONEY", "QUANTITY", "ORDINAL", "CARDINAL"),
    OTHER,
)
