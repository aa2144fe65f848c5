-- create
IF OBJECT_ID(N'[gold].[top_content_by_country]', N'U') IS NULL
BEGIN
CREATE TABLE [gold].[top_content_by_country] (
    [country] nvarchar(60) NOT NULL,
    [content_rank] int NOT NULL,
    [content_id] nvarchar(20) NOT NULL,
    [title] nvarchar(200) NULL,
    [total_sessions] int NOT NULL,
    CONSTRAINT [PK_gold_top_content_by_country] PRIMARY KEY CLUSTERED ([country], [content_id])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[gold_top_content_by_country__20260101T000000_abcdef];
CREATE TABLE [staging].[gold_top_content_by_country__20260101T000000_abcdef] (
    [country] nvarchar(60) NULL,
    [content_rank] int NULL,
    [content_id] nvarchar(20) NULL,
    [title] nvarchar(200) NULL,
    [total_sessions] int NULL
);

-- build
SET XACT_ABORT ON;
INSERT INTO [staging].[gold_top_content_by_country__20260101T000000_abcdef] WITH (TABLOCK) ([country], [content_rank], [content_id], [title], [total_sessions])
SELECT [country], [content_rank], [content_id], [title], [total_sessions]
FROM (
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
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[gold_top_content_by_country]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[gold_top_content_by_country] (
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
    CONSTRAINT [PK_quarantine_gold_top_content_by_country] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_gold_top_content_by_country__20260101T000000_abcdef];
CREATE TABLE [staging].[held_gold_top_content_by_country__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'The five most watched titles of each country, ties kept', N'SCHEMA', N'gold', N'TABLE', N'top_content_by_country';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[gold_top_content_by_country__20260101T000000_abcdef] ALTER COLUMN [country] nvarchar(60) NOT NULL;
ALTER TABLE [staging].[gold_top_content_by_country__20260101T000000_abcdef] ALTER COLUMN [content_rank] int NOT NULL;
ALTER TABLE [staging].[gold_top_content_by_country__20260101T000000_abcdef] ALTER COLUMN [content_id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[gold_top_content_by_country__20260101T000000_abcdef] ALTER COLUMN [total_sessions] int NOT NULL;
ALTER TABLE [staging].[gold_top_content_by_country__20260101T000000_abcdef] ADD CONSTRAINT [PK_gold_top_content_by_country__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([country], [content_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.top_content_by_country', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.top_content_by_country', 1;
    UPDATE [quarantine].[gold_top_content_by_country] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [gold].[top_content_by_country];
    ALTER TABLE [staging].[gold_top_content_by_country__20260101T000000_abcdef] SWITCH TO [gold].[top_content_by_country];
    INSERT INTO [quarantine].[gold_top_content_by_country] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_gold_top_content_by_country__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [gold].[top_content_by_country];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'gold.top_content_by_country', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'd4a1993d296a5ad95e651f5aaed12999', N'', N'{}', N'{"country": "nvarchar(60)", "content_rank": "int", "content_id": "nvarchar(20)", "title": "nvarchar(200)", "total_sessions": "int"}', NULL, N'video_streaming', N'{"key": ["country", "content_id"], "load": "replace", "partition_by": null, "reading": "", "select": "2a6bbf78679d8528", "suite": "bbe75bc1c66809eb", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP TABLE IF EXISTS [staging].[gold_top_content_by_country__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_gold_top_content_by_country__20260101T000000_abcdef];
