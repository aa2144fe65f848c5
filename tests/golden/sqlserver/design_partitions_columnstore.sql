-- place
IF NOT EXISTS (SELECT 1 FROM sys.partition_functions WHERE [name] = N'mdl_pf_silver_sessions_1c697804')
    CREATE PARTITION FUNCTION [mdl_pf_silver_sessions_1c697804] (date) AS RANGE RIGHT FOR VALUES ();

-- place
IF NOT EXISTS (SELECT 1 FROM sys.partition_schemes WHERE [name] = N'mdl_ps_silver_sessions_1c697804')
    CREATE PARTITION SCHEME [mdl_ps_silver_sessions_1c697804] AS PARTITION [mdl_pf_silver_sessions_1c697804] ALL TO ([PRIMARY]);

-- create
IF OBJECT_ID(N'[silver].[sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[sessions] (
    [id] bigint NOT NULL,
    [user_id] nvarchar(20) NULL,
    [watched] date NULL,
    [minutes] int NULL,
    [note] nvarchar(max) NULL,
    CONSTRAINT [PK_silver_sessions] PRIMARY KEY NONCLUSTERED ([id])
);
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_silver_sessions] ON [silver].[sessions] ON [mdl_ps_silver_sessions_1c697804] ([watched]);
END;

-- span
SELECT CAST(MIN([watched]) AS date) AS [first], CAST(MAX([watched]) AS date) AS [last] FROM [silver].[sessions];

-- slide
ALTER PARTITION SCHEME [mdl_ps_silver_sessions_1c697804] NEXT USED [PRIMARY];
ALTER PARTITION FUNCTION [mdl_pf_silver_sessions_1c697804]() SPLIT RANGE ('20250101');

-- slide
ALTER PARTITION SCHEME [mdl_ps_silver_sessions_1c697804] NEXT USED [PRIMARY];
ALTER PARTITION FUNCTION [mdl_pf_silver_sessions_1c697804]() SPLIT RANGE ('20240101');

-- slide
ALTER PARTITION SCHEME [mdl_ps_silver_sessions_1c697804] NEXT USED [PRIMARY];
ALTER PARTITION FUNCTION [mdl_pf_silver_sessions_1c697804]() SPLIT RANGE ('20230101');

-- move
CREATE CLUSTERED INDEX [CCI_silver_sessions] ON [silver].[sessions] ([watched]) WITH (DROP_EXISTING = ON) ON [mdl_ps_silver_sessions_1c697804] ([watched]);

-- move
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_silver_sessions] ON [silver].[sessions] WITH (DROP_EXISTING = ON) ON [mdl_ps_silver_sessions_1c697804] ([watched]);

-- tidy
DECLARE @drop nvarchar(max);
SELECT @drop = STRING_AGG(CAST(N'DROP PARTITION SCHEME ' + QUOTENAME([s].[name]) + N'; DROP PARTITION FUNCTION ' + QUOTENAME([f].[name]) + N';' AS nvarchar(max)), N' ')
FROM sys.partition_schemes AS [s]
INNER JOIN sys.partition_functions AS [f] ON [f].[function_id] = [s].[function_id]
WHERE LEFT([s].[name], 7) = N'mdl_ps_'
    AND NOT EXISTS (SELECT 1 FROM sys.indexes AS [i] WHERE [i].[data_space_id] = [s].[data_space_id]);
IF @drop IS NOT NULL EXEC sys.sp_executesql @drop;
