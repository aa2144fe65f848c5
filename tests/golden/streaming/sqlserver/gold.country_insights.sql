-- create
IF OBJECT_ID(N'[gold].[country_insights]', N'U') IS NULL
BEGIN
CREATE TABLE [gold].[country_insights] (
    [country] nvarchar(60) NOT NULL,
    [total_users] int NOT NULL,
    [avg_watch_hours_per_user] decimal(9,3) NULL,
    [avg_user_age] decimal(6,3) NULL,
    [total_sessions] int NOT NULL,
    [avg_session_duration] decimal(9,3) NULL,
    [unique_content_consumed] int NOT NULL,
    CONSTRAINT [PK_gold_country_insights] PRIMARY KEY CLUSTERED ([country])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[gold_country_insights__20260101T000000_abcdef];
CREATE TABLE [staging].[gold_country_insights__20260101T000000_abcdef] (
    [country] nvarchar(60) NULL,
    [total_users] int NULL,
    [avg_watch_hours_per_user] decimal(9,3) NULL,
    [avg_user_age] decimal(6,3) NULL,
    [total_sessions] int NULL,
    [avg_session_duration] decimal(9,3) NULL,
    [unique_content_consumed] int NULL
);

-- build
SET XACT_ABORT ON;
-- Users and sessions are summed apart and joined after: joined first, a user would weigh as much as the
-- number of their sessions, and averages over users would be wrong.
WITH audience AS (
    SELECT
        u.country,
        COUNT(*)                            AS total_users,
        AVG(u.total_watch_time_hours)       AS avg_hours,
        AVG(CAST(u.age AS decimal(9,2)))    AS avg_age
    FROM silver.users AS u
    GROUP BY u.country
),
viewing AS (
    SELECT
        u.country,
        COUNT(*)                                                AS total_sessions,
        AVG(CAST(s.watch_duration_minutes AS decimal(9,2)))     AS avg_minutes,
        COUNT(DISTINCT s.content_id)                            AS unique_content
    FROM silver.viewing_sessions AS s
    INNER JOIN silver.users AS u ON u.user_id = s.user_id
    GROUP BY u.country
)
INSERT INTO [staging].[gold_country_insights__20260101T000000_abcdef] WITH (TABLOCK) ([country], [total_users], [avg_watch_hours_per_user], [avg_user_age], [total_sessions], [avg_session_duration], [unique_content_consumed])
SELECT [country], [total_users], [avg_watch_hours_per_user], [avg_user_age], [total_sessions], [avg_session_duration], [unique_content_consumed]
FROM (
SELECT
    a.country                                       AS country,
    CAST(a.total_users AS int)                      AS total_users,
    CAST(a.avg_hours AS decimal(9,3))               AS avg_watch_hours_per_user,
    CAST(a.avg_age AS decimal(6,3))                 AS avg_user_age,
    CAST(COALESCE(v.total_sessions, 0) AS int)      AS total_sessions,
    CAST(v.avg_minutes AS decimal(9,3))             AS avg_session_duration,
    CAST(COALESCE(v.unique_content, 0) AS int)      AS unique_content_consumed
FROM audience AS a
LEFT JOIN viewing AS v ON v.country = a.country
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[gold_country_insights]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[gold_country_insights] (
    [quarantine_id] nvarchar(100) NOT NULL,
    [load_id] nvarchar(64) NOT NULL,
    [quarantined_at] datetime2(3) NOT NULL,
    [source_file] nvarchar(400) NULL,
    [source_row] bigint NULL,
    [reasons] nvarchar(max) NOT NULL,
    [row_data] nvarchar(max) NOT NULL,
    [state] nvarchar(20) NOT NULL,
    [replay_load_id] nvarchar(64) NULL,
    [repairs] nvarchar(max) NULL,
    CONSTRAINT [PK_quarantine_gold_country_insights] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_gold_country_insights__20260101T000000_abcdef];
CREATE TABLE [staging].[held_gold_country_insights__20260101T000000_abcdef] (
    [quarantine_id] nvarchar(100) NOT NULL,
    [load_id] nvarchar(64) NOT NULL,
    [quarantined_at] datetime2(3) NOT NULL,
    [source_file] nvarchar(400) NULL,
    [source_row] bigint NULL,
    [reasons] nvarchar(max) NOT NULL,
    [row_data] nvarchar(max) NOT NULL,
    [state] nvarchar(20) NOT NULL,
    [replay_load_id] nvarchar(64) NULL,
    [repairs] nvarchar(max) NULL
);

-- design
EXEC sys.sp_addextendedproperty N'MS_Description', N'Active users and their viewing by country', N'SCHEMA', N'gold', N'TABLE', N'country_insights';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[gold_country_insights__20260101T000000_abcdef] ALTER COLUMN [country] nvarchar(60) NOT NULL;
ALTER TABLE [staging].[gold_country_insights__20260101T000000_abcdef] ALTER COLUMN [total_users] int NOT NULL;
ALTER TABLE [staging].[gold_country_insights__20260101T000000_abcdef] ALTER COLUMN [total_sessions] int NOT NULL;
ALTER TABLE [staging].[gold_country_insights__20260101T000000_abcdef] ALTER COLUMN [unique_content_consumed] int NOT NULL;
ALTER TABLE [staging].[gold_country_insights__20260101T000000_abcdef] ADD CONSTRAINT [PK_gold_country_insights__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([country]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.country_insights', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.country_insights', 1;
    UPDATE [quarantine].[gold_country_insights] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [gold].[country_insights];
    ALTER TABLE [staging].[gold_country_insights__20260101T000000_abcdef] SWITCH TO [gold].[country_insights];
    INSERT INTO [quarantine].[gold_country_insights] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_gold_country_insights__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [gold].[country_insights];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'gold.country_insights', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'e79925227714bc4edf7fed8b2b1b2129', N'', N'{}', N'{"country": "nvarchar(60)", "total_users": "int", "avg_watch_hours_per_user": "decimal(9,3)", "avg_user_age": "decimal(6,3)", "total_sessions": "int", "avg_session_duration": "decimal(9,3)", "unique_content_consumed": "int"}', N'dbo.gold_country_insights', N'video_streaming', N'{"key": ["country"], "load": "replace", "partition_by": null, "reading": "", "select": "bb121622abcba864", "suite": "ceec9f3503de7dac", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- alias
EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [dbo].[gold_country_insights]
AS
SELECT [country], [total_users], [avg_watch_hours_per_user], [avg_user_age], [total_sessions], [avg_session_duration], [unique_content_consumed]
FROM [gold].[country_insights];';

-- in the transaction of publish
IF DATABASE_PRINCIPAL_ID(N'data_analyst') IS NOT NULL
    GRANT SELECT ON OBJECT::[dbo].[gold_country_insights] TO [data_analyst];

-- drop staging
DROP TABLE IF EXISTS [staging].[gold_country_insights__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_gold_country_insights__20260101T000000_abcdef];
