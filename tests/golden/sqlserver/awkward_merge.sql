-- create_table
IF OBJECT_ID(N'[gold].[Bob''s [odd]] 50% tåble]', N'U') IS NULL
BEGIN
CREATE TABLE [gold].[Bob's [odd]] 50% tåble] (
    [key]]] nvarchar(20) NOT NULL,
    [o'clock] time(0) NULL,
    [two  words] nvarchar(40) NULL,
    [größe %] decimal(9,1) NULL,
    [select] bit NULL,
    ["] int NOT NULL,
    [-- /*] date NULL,
    CONSTRAINT [PK_gold_Bob's [odd]] 50% tåble] PRIMARY KEY CLUSTERED ([key]]], ["])
);
END;

-- create_staging
DROP TABLE IF EXISTS [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c];
CREATE TABLE [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] (
    [key]]] nvarchar(20) NULL,
    [o'clock] time(0) NULL,
    [two  words] nvarchar(40) NULL,
    [größe %] decimal(9,1) NULL,
    [select] bit NULL,
    ["] int NULL,
    [-- /*] date NULL
);

-- create_held
DROP TABLE IF EXISTS [staging].[held_gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c];
CREATE TABLE [staging].[held_gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] (
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
    INSERT INTO [staging].[held_gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20261120T231501_4f3a9c',
        SYSUTCDATETIME(),
        NULL,
        NULL,
        N'[' + STUFF(CONCAT(CAST(N'' AS nvarchar(max)),
            CASE WHEN ([key]]] IS NULL) THEN N',"the key''s \"part\" isn''t there: [key]]] IS NULL"' END,
            CASE WHEN (["] IS NULL) THEN N',"the key''s \"part\" isn''t there: [\"] IS NULL"' END), 1, 1, N'') + N']',
        (SELECT [key]]], [o'clock], [two  words], [größe %], [select], ["], [-- /*] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c]
    WHERE ([key]]] IS NULL)
        OR (["] IS NULL);
    SET @held = ROWCOUNT_BIG();
    DELETE FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] WITH (TABLOCK)
    WHERE ([key]]] IS NULL)
        OR (["] IS NULL);
    SET @moved = ROWCOUNT_BIG();
    IF @held <> @moved
        THROW 50003, N'rows held and rows removed differ in gold.Bob''s [odd] 50%% tåble', 1;
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
    SELECT ROW_NUMBER() OVER (PARTITION BY [key]]], ["] ORDER BY [-- /*] DESC) AS [rank]
    FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c]
    WHERE [key]]] IS NOT NULL AND ["] IS NOT NULL
)
DELETE FROM [ranked] WHERE [rank] > 1;
SET @dropped = ROWCOUNT_BIG();
SELECT @dropped AS [dropped];

-- lay_whole
SET NOCOUNT ON;
DROP TABLE IF EXISTS [staging].[gold_Bob's [odd]] 50% tåble__whole_20261120T231501_4f3a9c];
SELECT [key]]], [o'clock], [two  words], [größe %], [select], ["], [-- /*]
INTO [staging].[gold_Bob's [odd]] 50% tåble__whole_20261120T231501_4f3a9c]
FROM (
    SELECT
        [old].[key]]],
        [old].[o'clock],
        [old].[two  words],
        [old].[größe %],
        [old].[select],
        [old].["],
        CAST(NULL AS date) AS [-- /*]
    FROM [gold].[Bob's [odd]] 50% tåble] AS [old]
    WHERE NOT EXISTS (SELECT 1 FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] AS [new] WHERE [new].[key]]] = [old].[key]]] AND [new].["] = [old].["])
    UNION ALL
    SELECT [key]]], [o'clock], [two  words], [größe %], [select], ["], [-- /*] FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c]
) AS [whole];

-- create_aside
DROP TABLE IF EXISTS [staging].[gold_Bob's [odd]] 50% tåble__kept_20261120T231501_4f3a9c];
SELECT [key]]], [o'clock], [two  words], [größe %], [select], ["] INTO [staging].[gold_Bob's [odd]] 50% tåble__kept_20261120T231501_4f3a9c] FROM [gold].[Bob's [odd]] 50% tåble] WHERE [is_current] = 1;

-- create_back
INSERT INTO [gold].[Bob's [odd]] 50% tåble] ([key]]], [o'clock], [two  words], [größe %], [select], ["])
SELECT [key]]], [o'clock], [two  words], [größe %], [select], ["] FROM [staging].[gold_Bob's [odd]] 50% tåble__kept_20261120T231501_4f3a9c];
DROP TABLE [staging].[gold_Bob's [odd]] 50% tåble__kept_20261120T231501_4f3a9c];

-- lost
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT [old].[key]]], [old].[o'clock], [old].[two  words], [old].[größe %], [old].[select], [old].["], CAST(1 AS bigint) AS [side]
        FROM [gold].[Bob's [odd]] 50% tåble] AS [old]
        WHERE 1 = 1
        UNION ALL
        SELECT [new].[key]]], [new].[o'clock], [new].[two  words], [new].[größe %], [new].[select], [new].["], CAST(-1 AS bigint) FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] AS [new]
    ) AS [either]
    GROUP BY [key]]], [o'clock], [two  words], [größe %], [select], ["]
    HAVING SUM([side]) > 0
) AS [gone];

-- count
SELECT COUNT_BIG(*) AS [row_count] FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c];

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.bob''s [odd] 50% tåble', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.Bob''s [odd] 50%% tåble', 1;
    SELECT @before = COUNT_BIG(*) FROM [gold].[Bob's [odd]] 50% tåble];
    UPDATE [earlier] SET [state] = N'superseded'
    FROM [quarantine].[gold_Bob's [odd]] 50% tåble] AS [earlier]
    WHERE [earlier].[state] = N'held' AND (1 = 0
        OR EXISTS (SELECT 1 FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] AS [load] WHERE TRY_CONVERT(nvarchar(20), JSON_VALUE([earlier].[row_data], N'$."key]"')) = [load].[key]]] AND TRY_CONVERT(int, JSON_VALUE([earlier].[row_data], N'$."\""')) = [load].["])
        OR EXISTS (SELECT 1 FROM [staging].[held_gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] AS [load] WHERE JSON_VALUE([earlier].[row_data], N'$."key]"') = JSON_VALUE([load].[row_data], N'$."key]"') AND JSON_VALUE([earlier].[row_data], N'$."\""') = JSON_VALUE([load].[row_data], N'$."\""')));
    UPDATE [old]
    SET [old].[key]]] = [new].[key]]], [old].[o'clock] = [new].[o'clock], [old].[two  words] = [new].[two  words], [old].[größe %] = [new].[größe %], [old].[select] = [new].[select], [old].[-- /*] = [new].[-- /*]
    FROM [gold].[Bob's [odd]] 50% tåble] AS [old] WITH (UPDLOCK, HOLDLOCK)
    INNER JOIN [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] AS [new] ON [new].[key]]] = [old].[key]]] AND [new].["] = [old].["];
    SET @updated = ROWCOUNT_BIG();
    INSERT INTO [gold].[Bob's [odd]] 50% tåble] ([key]]], [o'clock], [two  words], [größe %], [select], ["], [-- /*])
    SELECT [new].[key]]], [new].[o'clock], [new].[two  words], [new].[größe %], [new].[select], [new].["], [new].[-- /*]
    FROM [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c] AS [new]
    WHERE NOT EXISTS (
        SELECT 1 FROM [gold].[Bob's [odd]] 50% tåble] AS [old] WITH (UPDLOCK, HOLDLOCK) WHERE [old].[key]]] = [new].[key]]] AND [old].["] = [new].["]
    );
    SET @inserted = ROWCOUNT_BIG();
    INSERT INTO [quarantine].[gold_Bob's [odd]] 50% tåble] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [gold].[Bob's [odd]] 50% tåble];
    INSERT INTO [ops].[loads] ([load_id], [rows_published]) VALUES (N'20261120T231501_4f3a9c', @inserted + @updated);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- alias_view
EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [dbo].[o''dd]]]
AS
SELECT [key]]], [o''clock], [two  words], [größe %], [select], ["], [-- /*]
FROM [gold].[Bob''s [odd]] 50% tåble];';

-- drop_staging
DROP TABLE IF EXISTS [staging].[gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c];
DROP TABLE IF EXISTS [staging].[held_gold_Bob's [odd]] 50% tåble__20261120T231501_4f3a9c];
