-- select (T-SQL)
-- No WHERE on purpose: rows that break a rule go to quarantine by this table's suite, with the reason,
-- instead of vanishing here. An unknown device keeps its own name, so that the reason can show it.
SELECT
    CAST(TRIM(s.session_id) AS nvarchar(20))   AS session_id,
    CAST(TRIM(s.user_id) AS nvarchar(20))      AS user_id,
    CAST(TRIM(s.content_id) AS nvarchar(20))   AS content_id,
    s.watch_date                               AS watch_date,
    s.watch_duration_minutes                   AS watch_duration_minutes,
    s.completion_percentage                    AS completion_percentage,
    CAST(CASE TRIM(s.device_type)
        WHEN N'smart tv'       THEN N'Smart TV'
        WHEN N'smarttv'        THEN N'Smart TV'
        WHEN N'smart_tv'       THEN N'Smart TV'
        WHEN N'tv'             THEN N'Smart TV'
        WHEN N'mobile'         THEN N'Mobile'
        WHEN N'mobile phone'   THEN N'Mobile'
        WHEN N'smartphone'     THEN N'Mobile'
        WHEN N'phone'          THEN N'Mobile'
        WHEN N'desktop'        THEN N'Desktop'
        WHEN N'laptop'         THEN N'Desktop'
        WHEN N'pc'             THEN N'Desktop'
        WHEN N'computer'       THEN N'Desktop'
        WHEN N'tablet'         THEN N'Tablet'
        WHEN N'gaming console' THEN N'Gaming Console'
        WHEN N'gaming_console' THEN N'Gaming Console'
        WHEN N'game console'   THEN N'Gaming Console'
        WHEN N'console'        THEN N'Gaming Console'
        ELSE TRIM(s.device_type)
    END AS nvarchar(40))                       AS device_type,
    CAST(UPPER(TRIM(s.quality_level)) AS nvarchar(10)) AS quality_level
FROM bronze.viewing_sessions AS s

-- build
CREATE TABLE "silver"."__staging_all_viewing_sessions__20260101T000000_abcdef" AS
SELECT
    CAST(built."session_id" AS VARCHAR) AS "session_id",
    CAST(built."user_id" AS VARCHAR) AS "user_id",
    CAST(built."content_id" AS VARCHAR) AS "content_id",
    CAST(built."watch_date" AS DATE) AS "watch_date",
    CAST(built."watch_duration_minutes" AS INTEGER) AS "watch_duration_minutes",
    CAST(built."completion_percentage" AS DECIMAL(5,2)) AS "completion_percentage",
    CAST(built."device_type" AS VARCHAR) AS "device_type",
    CAST(built."quality_level" AS VARCHAR) AS "quality_level"
FROM (
SELECT
    trim("s"."session_id", ' ') AS "session_id",
    trim("s"."user_id", ' ') AS "user_id",
    trim("s"."content_id", ' ') AS "content_id",
    "s"."watch_date" AS "watch_date",
    "s"."watch_duration_minutes" AS "watch_duration_minutes",
    "s"."completion_percentage" AS "completion_percentage",
    CASE WHEN trim("s"."device_type", ' ') = 'smart tv' THEN 'Smart TV' WHEN trim("s"."device_type", ' ') = 'smarttv' THEN 'Smart TV' WHEN trim("s"."device_type", ' ') = 'smart_tv' THEN 'Smart TV' WHEN trim("s"."device_type", ' ') = 'tv' THEN 'Smart TV' WHEN trim("s"."device_type", ' ') = 'mobile' THEN 'Mobile' WHEN trim("s"."device_type", ' ') = 'mobile phone' THEN 'Mobile' WHEN trim("s"."device_type", ' ') = 'smartphone' THEN 'Mobile' WHEN trim("s"."device_type", ' ') = 'phone' THEN 'Mobile' WHEN trim("s"."device_type", ' ') = 'desktop' THEN 'Desktop' WHEN trim("s"."device_type", ' ') = 'laptop' THEN 'Desktop' WHEN trim("s"."device_type", ' ') = 'pc' THEN 'Desktop' WHEN trim("s"."device_type", ' ') = 'computer' THEN 'Desktop' WHEN trim("s"."device_type", ' ') = 'tablet' THEN 'Tablet' WHEN trim("s"."device_type", ' ') = 'gaming console' THEN 'Gaming Console' WHEN trim("s"."device_type", ' ') = 'gaming_console' THEN 'Gaming Console' WHEN trim("s"."device_type", ' ') = 'game console' THEN 'Gaming Console' WHEN trim("s"."device_type", ' ') = 'console' THEN 'Gaming Console' ELSE trim("s"."device_type", ' ') END AS "device_type",
    upper(trim("s"."quality_level", ' ')) AS "quality_level"
FROM "bronze"."viewing_sessions" AS "s"
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."silver_all_viewing_sessions" (
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
UPDATE "quarantine"."silver_all_viewing_sessions" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "silver"."all_viewing_sessions";
ALTER TABLE "silver"."__staging_all_viewing_sessions__20260101T000000_abcdef" RENAME TO "all_viewing_sessions";
INSERT INTO "quarantine"."silver_all_viewing_sessions" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "silver"."__held_all_viewing_sessions__20260101T000000_abcdef";
DROP TABLE "silver"."__held_all_viewing_sessions__20260101T000000_abcdef";
COMMIT;
