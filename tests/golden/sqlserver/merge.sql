-- create_table
IF OBJECT_ID(N'[silver].[scores]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[scores] (
    [id] nvarchar(20) NOT NULL,
    [day] date NOT NULL,
    [score] float NULL,
    CONSTRAINT [PK_silver_scores] PRIMARY KEY CLUSTERED ([id], [day])
);
END;

-- create_staging
DROP TABLE IF EXISTS [staging].[silver_scores__20261120T231501_4f3a9c];
CREATE TABLE [staging].[silver_scores__20261120T231501_4f3a9c] (
    [id] nvarchar(20) NULL,
    [day] date NULL,
    [score] float NULL
);

-- create_held
DROP TABLE IF EXISTS [staging].[held_silver_scores__20261120T231501_4f3a9c];
CREATE TABLE [staging].[held_silver_scores__20261120T231501_4f3a9c] (
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

-- hold
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @held bigint, @moved bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    INSERT INTO [staging].[held_silver_scores__20261120T231501_4f3a9c] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20261120T231501_4f3a9c',
        SYSUTCDATETIME(),
        NULL,
        NULL,
        N'[' + STUFF(CONCAT(CAST(N'' AS nvarchar(max)),
            CASE WHEN ([id] IS NULL) THEN N',"the key''s \"part\" isn''t there: [id] IS NULL"' END,
            CASE WHEN ([day] IS NULL) THEN N',"the key''s \"part\" isn''t there: [day] IS NULL"' END), 1, 1, N'') + N']',
        (SELECT [id], [day], [score] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [staging].[silver_scores__20261120T231501_4f3a9c]
    WHERE ([id] IS NULL)
        OR ([day] IS NULL);
    SET @held = ROWCOUNT_BIG();
    DELETE FROM [staging].[silver_scores__20261120T231501_4f3a9c] WITH (TABLOCK)
    WHERE ([id] IS NULL)
        OR ([day] IS NULL);
    SET @moved = ROWCOUNT_BIG();
    IF @held <> @moved
        THROW 50003, N'rows held and rows removed differ in silver.scores', 1;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @held AS [held];

-- dedupe
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @dropped bigint;
WITH [ranked] AS (
    SELECT ROW_NUMBER() OVER (PARTITION BY [id], [day] ORDER BY [score] DESC) AS [rank]
    FROM [staging].[silver_scores__20261120T231501_4f3a9c]
    WHERE [id] IS NOT NULL AND [day] IS NOT NULL
)
DELETE FROM [ranked] WHERE [rank] > 1;
SET @dropped = ROWCOUNT_BIG();
SELECT @dropped AS [dropped];

-- lay_whole
SET NOCOUNT ON;
DROP TABLE IF EXISTS [staging].[silver_scores__whole_20261120T231501_4f3a9c];
SELECT [id], [day], [score]
INTO [staging].[silver_scores__whole_20261120T231501_4f3a9c]
FROM (
    SELECT
        [old].[id],
        [old].[day],
        CAST(NULL AS float) AS [score]
    FROM [silver].[scores] AS [old]
    WHERE NOT EXISTS (SELECT 1 FROM [staging].[silver_scores__20261120T231501_4f3a9c] AS [new] WHERE [new].[id] = [old].[id] AND [new].[day] = [old].[day])
    UNION ALL
    SELECT [id], [day], [score] FROM [staging].[silver_scores__20261120T231501_4f3a9c]
) AS [whole];

-- create_aside
DROP TABLE IF EXISTS [staging].[silver_scores__kept_20261120T231501_4f3a9c];
SELECT [id], [day] INTO [staging].[silver_scores__kept_20261120T231501_4f3a9c] FROM [silver].[scores] WHERE [is_current] = 1;

-- create_back
INSERT INTO [silver].[scores] ([id], [day])
SELECT [id], [day] FROM [staging].[silver_scores__kept_20261120T231501_4f3a9c];
DROP TABLE [staging].[silver_scores__kept_20261120T231501_4f3a9c];

-- lost
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT [old].[id], [old].[day], CAST(1 AS bigint) AS [side]
        FROM [silver].[scores] AS [old]
        WHERE 1 = 1
        UNION ALL
        SELECT [new].[id], [new].[day], CAST(-1 AS bigint) FROM [staging].[silver_scores__20261120T231501_4f3a9c] AS [new]
    ) AS [either]
    GROUP BY [id], [day]
    HAVING SUM([side]) > 0
) AS [gone];

-- count
SELECT COUNT_BIG(*) AS [row_count] FROM [staging].[silver_scores__20261120T231501_4f3a9c];

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.scores', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.scores', 1;
    SELECT @before = COUNT_BIG(*) FROM [silver].[scores];
    UPDATE [earlier] SET [state] = N'superseded'
    FROM [quarantine].[silver_scores] AS [earlier]
    WHERE [earlier].[state] = N'held' AND (1 = 0
        OR EXISTS (SELECT 1 FROM [staging].[silver_scores__20261120T231501_4f3a9c] AS [load] WHERE TRY_CONVERT(nvarchar(20), JSON_VALUE([earlier].[row_data], N'$."id"')) = [load].[id] AND TRY_CONVERT(date, JSON_VALUE([earlier].[row_data], N'$."day"')) = [load].[day])
        OR EXISTS (SELECT 1 FROM [staging].[held_silver_scores__20261120T231501_4f3a9c] AS [load] WHERE JSON_VALUE([earlier].[row_data], N'$."id"') = JSON_VALUE([load].[row_data], N'$."id"') AND JSON_VALUE([earlier].[row_data], N'$."day"') = JSON_VALUE([load].[row_data], N'$."day"')));
    UPDATE [old]
    SET [old].[id] = [new].[id], [old].[score] = [new].[score]
    FROM [silver].[scores] AS [old] WITH (UPDLOCK, HOLDLOCK)
    INNER JOIN [staging].[silver_scores__20261120T231501_4f3a9c] AS [new] ON [new].[id] = [old].[id] AND [new].[day] = [old].[day];
    SET @updated = ROWCOUNT_BIG();
    INSERT INTO [silver].[scores] ([id], [day], [score])
    SELECT [new].[id], [new].[day], [new].[score]
    FROM [staging].[silver_scores__20261120T231501_4f3a9c] AS [new]
    WHERE NOT EXISTS (
        SELECT 1 FROM [silver].[scores] AS [old] WITH (UPDLOCK, HOLDLOCK) WHERE [old].[id] = [new].[id] AND [old].[day] = [new].[day]
    );
    SET @inserted = ROWCOUNT_BIG();
    INSERT INTO [quarantine].[silver_scores] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_scores__20261120T231501_4f3a9c];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[scores];
    INSERT INTO [ops].[loads] ([load_id], [rows_published]) VALUES (N'20261120T231501_4f3a9c', @inserted + @updated);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop_staging
DROP TABLE IF EXISTS [staging].[silver_scores__20261120T231501_4f3a9c];
DROP TABLE IF EXISTS [staging].[held_silver_scores__20261120T231501_4f3a9c];
