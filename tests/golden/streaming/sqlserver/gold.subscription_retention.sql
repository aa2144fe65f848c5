-- create
IF OBJECT_ID(N'[gold].[subscription_retention]', N'U') IS NULL
BEGIN
CREATE TABLE [gold].[subscription_retention] (
    [subscription_type] nvarchar(30) NOT NULL,
    [cohort_month] date NOT NULL,
    [months_since] int NOT NULL,
    [active_users] int NOT NULL,
    CONSTRAINT [PK_gold_subscription_retention] PRIMARY KEY CLUSTERED ([subscription_type], [cohort_month], [months_since])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[gold_subscription_retention__20260101T000000_abcdef];
CREATE TABLE [staging].[gold_subscription_retention__20260101T000000_abcdef] (
    [subscription_type] nvarchar(30) NULL,
    [cohort_month] date NULL,
    [months_since] int NULL,
    [active_users] int NULL
);

-- build
SET XACT_ABORT ON;
-- A cohort is the month of a user's first session, over all valid sessions: people who left must stay in
-- it, else nothing would ever be lost. Users are counted once a month.
WITH months AS (
    SELECT s.user_id, DATEFROMPARTS(YEAR(s.watch_date), MONTH(s.watch_date), 1) AS month
    FROM silver.all_viewing_sessions AS s
    GROUP BY s.user_id, DATEFROMPARTS(YEAR(s.watch_date), MONTH(s.watch_date), 1)
),
watched AS (
    SELECT m.user_id, m.month, MIN(m.month) OVER (PARTITION BY m.user_id) AS cohort_month
    FROM months AS m
)
INSERT INTO [staging].[gold_subscription_retention__20260101T000000_abcdef] WITH (TABLOCK) ([subscription_type], [cohort_month], [months_since], [active_users])
SELECT [subscription_type], [cohort_month], [months_since], [active_users]
FROM (
SELECT
    u.subscription_type                                 AS subscription_type,
    w.cohort_month                                      AS cohort_month,
    DATEDIFF(MONTH, w.cohort_month, w.month)            AS months_since,
    CAST(COUNT(*) AS int)                               AS active_users
FROM watched AS w
INNER JOIN silver.all_users AS u ON u.user_id = w.user_id
GROUP BY u.subscription_type, w.cohort_month, DATEDIFF(MONTH, w.cohort_month, w.month)
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[gold_subscription_retention]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[gold_subscription_retention] (
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
    CONSTRAINT [PK_quarantine_gold_subscription_retention] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_gold_subscription_retention__20260101T000000_abcdef];
CREATE TABLE [staging].[held_gold_subscription_retention__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'Users still watching, by subscription, cohort and month', N'SCHEMA', N'gold', N'TABLE', N'subscription_retention';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[gold_subscription_retention__20260101T000000_abcdef] ALTER COLUMN [subscription_type] nvarchar(30) NOT NULL;
ALTER TABLE [staging].[gold_subscription_retention__20260101T000000_abcdef] ALTER COLUMN [cohort_month] date NOT NULL;
ALTER TABLE [staging].[gold_subscription_retention__20260101T000000_abcdef] ALTER COLUMN [months_since] int NOT NULL;
ALTER TABLE [staging].[gold_subscription_retention__20260101T000000_abcdef] ALTER COLUMN [active_users] int NOT NULL;
ALTER TABLE [staging].[gold_subscription_retention__20260101T000000_abcdef] ADD CONSTRAINT [PK_gold_subscription_retention__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([subscription_type], [cohort_month], [months_since]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.subscription_retention', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.subscription_retention', 1;
    UPDATE [quarantine].[gold_subscription_retention] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [gold].[subscription_retention];
    ALTER TABLE [staging].[gold_subscription_retention__20260101T000000_abcdef] SWITCH TO [gold].[subscription_retention];
    INSERT INTO [quarantine].[gold_subscription_retention] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_gold_subscription_retention__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [gold].[subscription_retention];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'gold.subscription_retention', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'7cdb6a33651e27398fa297b1d1213cf2', N'', N'{}', N'{"subscription_type": "nvarchar(30)", "cohort_month": "date", "months_since": "int", "active_users": "int"}', NULL, N'video_streaming', N'{"key": ["subscription_type", "cohort_month", "months_since"], "load": "replace", "partition_by": null, "reading": "", "select": "e40119123b410fb1", "suite": "6f2251acd7c5e8b8", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP TABLE IF EXISTS [staging].[gold_subscription_retention__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_gold_subscription_retention__20260101T000000_abcdef];
