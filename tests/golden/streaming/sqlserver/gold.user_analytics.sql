-- create
IF OBJECT_ID(N'[gold].[user_analytics]', N'U') IS NULL
BEGIN
CREATE TABLE [gold].[user_analytics] (
    [user_id] nvarchar(20) NOT NULL,
    [age] int NULL,
    [country] nvarchar(60) NULL,
    [signup_date] date NULL,
    [total_watch_time_hours] decimal(9,1) NULL,
    [total_sessions] int NOT NULL,
    [avg_session_duration] decimal(9,3) NULL,
    [total_minutes_watched] bigint NOT NULL,
    [unique_content_watched] int NOT NULL,
    [user_segment] nvarchar(20) NOT NULL,
    [days_since_signup] int NULL,
    [subscription_type] nvarchar(30) NULL,
    [avg_completion_percentage] decimal(5,2) NULL,
    [favorite_device] nvarchar(40) NULL,
    [last_activity] date NULL,
    CONSTRAINT [PK_gold_user_analytics] PRIMARY KEY NONCLUSTERED ([user_id])
);
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_gold_user_analytics] ON [gold].[user_analytics];
END;

-- create staging
DROP TABLE IF EXISTS [staging].[gold_user_analytics__20260101T000000_abcdef];
CREATE TABLE [staging].[gold_user_analytics__20260101T000000_abcdef] (
    [user_id] nvarchar(20) NULL,
    [age] int NULL,
    [country] nvarchar(60) NULL,
    [signup_date] date NULL,
    [total_watch_time_hours] decimal(9,1) NULL,
    [total_sessions] int NULL,
    [avg_session_duration] decimal(9,3) NULL,
    [total_minutes_watched] bigint NULL,
    [unique_content_watched] int NULL,
    [user_segment] nvarchar(20) NULL,
    [days_since_signup] int NULL,
    [subscription_type] nvarchar(30) NULL,
    [avg_completion_percentage] decimal(5,2) NULL,
    [favorite_device] nvarchar(40) NULL,
    [last_activity] date NULL
);

-- build
SET XACT_ABORT ON;
-- LEFT JOINs keep an active user without a session: zero sessions and minutes, but no average of nothing.
WITH viewing AS (
    SELECT
        s.user_id,
        COUNT(*)                                                AS total_sessions,
        SUM(CAST(s.watch_duration_minutes AS bigint))           AS total_minutes,
        AVG(CAST(s.watch_duration_minutes AS decimal(9,2)))     AS avg_minutes,
        AVG(s.completion_percentage)                            AS avg_completion,
        COUNT(DISTINCT s.content_id)                            AS unique_content,
        MAX(s.watch_date)                                       AS last_activity
    FROM silver.viewing_sessions AS s
    GROUP BY s.user_id
),
favorite AS (
SELECT ranked.user_id, ranked.device_type AS favorite_device
FROM (
    SELECT
        d.user_id,
        d.device_type,
        ROW_NUMBER() OVER (PARTITION BY d.user_id ORDER BY d.sessions DESC, d.minutes DESC, d.device_type) AS place
    FROM (
        SELECT
            s.user_id,
            s.device_type,
            COUNT(*) AS sessions,
            SUM(CAST(s.watch_duration_minutes AS bigint)) AS minutes
        FROM silver.[viewing_sessions] AS s
        GROUP BY s.user_id, s.device_type
    ) AS d
) AS ranked
WHERE ranked.place = 1
)
INSERT INTO [staging].[gold_user_analytics__20260101T000000_abcdef] WITH (TABLOCK) ([user_id], [age], [country], [signup_date], [total_watch_time_hours], [total_sessions], [avg_session_duration], [total_minutes_watched], [unique_content_watched], [user_segment], [days_since_signup], [subscription_type], [avg_completion_percentage], [favorite_device], [last_activity])
SELECT [user_id], [age], [country], [signup_date], [total_watch_time_hours], [total_sessions], [avg_session_duration], [total_minutes_watched], [unique_content_watched], [user_segment], [days_since_signup], [subscription_type], [avg_completion_percentage], [favorite_device], [last_activity]
FROM (
SELECT
    u.user_id                                                   AS user_id,
    u.age                                                       AS age,
    u.country                                                   AS country,
    u.signup_date                                               AS signup_date,
    u.total_watch_time_hours                                    AS total_watch_time_hours,
    CAST(COALESCE(v.total_sessions, 0) AS int)                  AS total_sessions,
    CAST(v.avg_minutes AS decimal(9,3))                         AS avg_session_duration,
    CAST(COALESCE(v.total_minutes, 0) AS bigint)                AS total_minutes_watched,
    CAST(COALESCE(v.unique_content, 0) AS int)                  AS unique_content_watched,
    CAST(CASE
        WHEN u.total_watch_time_hours >= 500 THEN N'Power User'
        WHEN u.total_watch_time_hours >= 300 THEN N'Heavy User'
        WHEN u.total_watch_time_hours >= 150 THEN N'Regular User'
        ELSE N'Light User'
    END AS nvarchar(20))                                        AS user_segment,
    -- As of the run's logical date, so that a rerun of an old day gives that day's figures.
    DATEDIFF(DAY, u.signup_date, CAST('2024-09-01' AS date))  AS days_since_signup,
    u.subscription_type                                         AS subscription_type,
    CAST(v.avg_completion AS decimal(5,2))                      AS avg_completion_percentage,
    f.favorite_device                                           AS favorite_device,
    v.last_activity                                             AS last_activity
FROM silver.users AS u
LEFT JOIN viewing AS v ON v.user_id = u.user_id
LEFT JOIN favorite AS f ON f.user_id = u.user_id
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[gold_user_analytics]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[gold_user_analytics] (
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
    CONSTRAINT [PK_quarantine_gold_user_analytics] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_gold_user_analytics__20260101T000000_abcdef];
CREATE TABLE [staging].[held_gold_user_analytics__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'Active users with their viewing and segment', N'SCHEMA', N'gold', N'TABLE', N'user_analytics';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[gold_user_analytics__20260101T000000_abcdef] ALTER COLUMN [user_id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[gold_user_analytics__20260101T000000_abcdef] ALTER COLUMN [total_sessions] int NOT NULL;
ALTER TABLE [staging].[gold_user_analytics__20260101T000000_abcdef] ALTER COLUMN [total_minutes_watched] bigint NOT NULL;
ALTER TABLE [staging].[gold_user_analytics__20260101T000000_abcdef] ALTER COLUMN [unique_content_watched] int NOT NULL;
ALTER TABLE [staging].[gold_user_analytics__20260101T000000_abcdef] ALTER COLUMN [user_segment] nvarchar(20) NOT NULL;
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_gold_user_analytics__20260101T000000_abcdef] ON [staging].[gold_user_analytics__20260101T000000_abcdef];
ALTER TABLE [staging].[gold_user_analytics__20260101T000000_abcdef] ADD CONSTRAINT [PK_gold_user_analytics__20260101T000000_abcdef] PRIMARY KEY NONCLUSTERED ([user_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.user_analytics', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.user_analytics', 1;
    UPDATE [quarantine].[gold_user_analytics] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [gold].[user_analytics];
    ALTER TABLE [staging].[gold_user_analytics__20260101T000000_abcdef] SWITCH TO [gold].[user_analytics];
    INSERT INTO [quarantine].[gold_user_analytics] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_gold_user_analytics__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [gold].[user_analytics];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'gold.user_analytics', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'5266ca061dd6022f2b3437bbd2681ff3', N'', N'{}', N'{"user_id": "nvarchar(20)", "age": "int", "country": "nvarchar(60)", "signup_date": "date", "total_watch_time_hours": "decimal(9,1)", "total_sessions": "int", "avg_session_duration": "decimal(9,3)", "total_minutes_watched": "bigint", "unique_content_watched": "int", "user_segment": "nvarchar(20)", "days_since_signup": "int", "subscription_type": "nvarchar(30)", "avg_completion_percentage": "decimal(5,2)", "favorite_device": "nvarchar(40)", "last_activity": "date"}', N'dbo.gold_user_analytics', N'video_streaming', N'{"key": ["user_id"], "load": "replace", "partition_by": null, "reading": "", "select": "5036bb0c80225a81", "suite": "6a320a8b69d8f19d", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- alias
EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [dbo].[gold_user_analytics]
AS
SELECT [user_id], [age], [country], [signup_date], [total_watch_time_hours], [total_sessions], [avg_session_duration], [total_minutes_watched], [unique_content_watched], [user_segment], [days_since_signup], [subscription_type], [avg_completion_percentage], [favorite_device], [last_activity]
FROM [gold].[user_analytics];';

-- in the transaction of publish
IF DATABASE_PRINCIPAL_ID(N'data_analyst') IS NOT NULL
    GRANT SELECT ON OBJECT::[dbo].[gold_user_analytics] TO [data_analyst];

-- drop staging
DROP TABLE IF EXISTS [staging].[gold_user_analytics__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_gold_user_analytics__20260101T000000_abcdef];
