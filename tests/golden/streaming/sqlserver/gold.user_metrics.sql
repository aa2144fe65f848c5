-- create
IF OBJECT_ID(N'[gold].[user_metrics]', N'U') IS NULL
BEGIN
CREATE TABLE [gold].[user_metrics] (
    [user_id] nvarchar(20) NOT NULL,
    [total_sessions] int NOT NULL,
    [total_minutes] bigint NOT NULL,
    [avg_completion] decimal(5,2) NULL,
    [favorite_device] nvarchar(40) NULL,
    [last_activity] date NULL,
    CONSTRAINT [PK_gold_user_metrics] PRIMARY KEY NONCLUSTERED ([user_id])
);
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_gold_user_metrics] ON [gold].[user_metrics];
END;

-- create staging
DROP TABLE IF EXISTS [staging].[gold_user_metrics__20260101T000000_abcdef];
CREATE TABLE [staging].[gold_user_metrics__20260101T000000_abcdef] (
    [user_id] nvarchar(20) NULL,
    [total_sessions] int NULL,
    [total_minutes] bigint NULL,
    [avg_completion] decimal(5,2) NULL,
    [favorite_device] nvarchar(40) NULL,
    [last_activity] date NULL
);

-- build
SET XACT_ABORT ON;
-- Every valid user, active or not, and those who never watched: zero sessions, no average, no device.
WITH viewing AS (
    SELECT
        s.user_id,
        COUNT(*)                                        AS total_sessions,
        SUM(CAST(s.watch_duration_minutes AS bigint))   AS total_minutes,
        AVG(s.completion_percentage)                    AS avg_completion,
        MAX(s.watch_date)                               AS last_activity
    FROM silver.all_viewing_sessions AS s
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
        FROM silver.[all_viewing_sessions] AS s
        GROUP BY s.user_id, s.device_type
    ) AS d
) AS ranked
WHERE ranked.place = 1
)
INSERT INTO [staging].[gold_user_metrics__20260101T000000_abcdef] WITH (TABLOCK) ([user_id], [total_sessions], [total_minutes], [avg_completion], [favorite_device], [last_activity])
SELECT [user_id], [total_sessions], [total_minutes], [avg_completion], [favorite_device], [last_activity]
FROM (
SELECT
    u.user_id                                       AS user_id,
    CAST(COALESCE(v.total_sessions, 0) AS int)      AS total_sessions,
    CAST(COALESCE(v.total_minutes, 0) AS bigint)    AS total_minutes,
    CAST(v.avg_completion AS decimal(5,2))          AS avg_completion,
    f.favorite_device                               AS favorite_device,
    v.last_activity                                 AS last_activity
FROM silver.all_users AS u
LEFT JOIN viewing AS v ON v.user_id = u.user_id
LEFT JOIN favorite AS f ON f.user_id = u.user_id
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[gold_user_metrics]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[gold_user_metrics] (
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
    CONSTRAINT [PK_quarantine_gold_user_metrics] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_gold_user_metrics__20260101T000000_abcdef];
CREATE TABLE [staging].[held_gold_user_metrics__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'Viewing of every user, active or not', N'SCHEMA', N'gold', N'TABLE', N'user_metrics';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[gold_user_metrics__20260101T000000_abcdef] ALTER COLUMN [user_id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[gold_user_metrics__20260101T000000_abcdef] ALTER COLUMN [total_sessions] int NOT NULL;
ALTER TABLE [staging].[gold_user_metrics__20260101T000000_abcdef] ALTER COLUMN [total_minutes] bigint NOT NULL;
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_gold_user_metrics__20260101T000000_abcdef] ON [staging].[gold_user_metrics__20260101T000000_abcdef];
ALTER TABLE [staging].[gold_user_metrics__20260101T000000_abcdef] ADD CONSTRAINT [PK_gold_user_metrics__20260101T000000_abcdef] PRIMARY KEY NONCLUSTERED ([user_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.user_metrics', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.user_metrics', 1;
    UPDATE [quarantine].[gold_user_metrics] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [gold].[user_metrics];
    ALTER TABLE [staging].[gold_user_metrics__20260101T000000_abcdef] SWITCH TO [gold].[user_metrics];
    INSERT INTO [quarantine].[gold_user_metrics] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_gold_user_metrics__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [gold].[user_metrics];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'gold.user_metrics', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'c6f7c07c8c0f1622a5872489b7440d79', N'', N'{}', N'{"user_id": "nvarchar(20)", "total_sessions": "int", "total_minutes": "bigint", "avg_completion": "decimal(5,2)", "favorite_device": "nvarchar(40)", "last_activity": "date"}', NULL, N'video_streaming', N'{"key": ["user_id"], "load": "replace", "partition_by": null, "reading": "", "select": "ec396697ab4e7156", "suite": "71a3303b277d6d1b", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP TABLE IF EXISTS [staging].[gold_user_metrics__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_gold_user_metrics__20260101T000000_abcdef];
