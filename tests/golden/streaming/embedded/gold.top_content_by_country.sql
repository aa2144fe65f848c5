-- select (T-SQL)
-- RANK, not ROW_NUMBER: titles with the same sessions share a place, and a tie at the fifth place keeps
-- them all.
SELECT
    r.country                           AS country,
    CAST(r.content_rank AS int)         AS content_rank,
    r.content_id                        AS content_id,
    c.title                             AS title,
    CAST(r.total_sessions AS int)       AS total_sessions
FROM (
    SELECT
        t.country,
        t.content_id,
        t.total_sessions,
        RANK() OVER (PARTITION BY t.country ORDER BY t.total_sessions DESC) AS content_rank
    FROM (
        SELECT u.country, s.content_id, COUNT(*) AS total_sessions
        FROM silver.all_viewing_sessions AS s
        INNER JOIN silver.all_users AS u ON u.user_id = s.user_id
        GROUP BY u.country, s.content_id
    ) AS t
) AS r
INNER JOIN silver.content AS c ON c.content_id = r.content_id
WHERE r.content_rank <= 5

-- build
CREATE TABLE "gold"."__staging_top_content_by_country__20260101T000000_abcdef" AS
SELECT
    CAST(built."country" AS VARCHAR) AS "country",
    CAST(built."content_rank" AS INTEGER) AS "content_rank",
    CAST(built."content_id" AS VARCHAR) AS "content_id",
    CAST(built."title" AS VARCHAR) AS "title",
    CAST(built."total_sessions" AS INTEGER) AS "total_sessions"
FROM (
SELECT
    "r"."country" AS "country",
    CAST("r"."content_rank" AS INTEGER) AS "content_rank",
    "r"."content_id" AS "content_id",
    "c"."title" AS "title",
    CAST("r"."total_sessions" AS INTEGER) AS "total_sessions"
FROM (
    SELECT
        "t"."country" AS "country",
        "t"."content_id" AS "content_id",
        "t"."total_sessions" AS "total_sessions",
        rank() OVER (PARTITION BY "t"."country" ORDER BY "t"."total_sessions" DESC) AS "content_rank"
    FROM (
        SELECT
            "u"."country" AS "country",
            "s"."content_id" AS "content_id",
            CAST(count(*) AS INTEGER) AS "total_sessions"
        FROM "silver"."all_viewing_sessions" AS "s"
        INNER JOIN "silver"."all_users" AS "u" ON "u"."user_id" = "s"."user_id"
        GROUP BY "u"."country", "s"."content_id"
    ) AS "t" ("country", "content_id", "total_sessions")
) AS "r" ("country", "content_id", "total_sessions", "content_rank")
INNER JOIN "silver"."content" AS "c" ON "c"."content_id" = "r"."content_id"
WHERE "r"."content_rank" <= 5
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."gold_top_content_by_country" (
    "quarantine_id" VARCHAR,
    "load_id" VARCHAR,
    "quarantined_at" TIMESTAMP,
    "source_file" VARCHAR,
    "source_row" BIGINT,
    "reasons" VARCHAR,
    "row_data" VARCHAR,
    "state" VARCHAR,
    "replay_load_id" VARCHAR,
    "repairs" VARCHAR
);
UPDATE "quarantine"."gold_top_content_by_country" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "gold"."top_content_by_country";
ALTER TABLE "gold"."__staging_top_content_by_country__20260101T000000_abcdef" RENAME TO "top_content_by_country";
INSERT INTO "quarantine"."gold_top_content_by_country" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "gold"."__held_top_content_by_country__20260101T000000_abcdef";
DROP TABLE "gold"."__held_top_content_by_country__20260101T000000_abcdef";
COMMIT;
